"""`python -m adbray_ctl` is the `adbray` command."""

from adbray_ctl.cli.app import entry

entry()
