"""The `adbray` command, also as `python -m adbray_ctl`."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from adbray_ctl.cli.app import entry  # noqa: PLC0415 - Ctrl-C may come while it loads
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    entry()


if __name__ == "__main__":
    main()
