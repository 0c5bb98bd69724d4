"""What a run inherits from the operator's environment: only what is listed here.

ansible-runner starts from all of it. There an `ANSIBLE_SSH_ARGS` can switch the check of host keys
off, an `ANSIBLE_KEEP_REMOTE_FILES` leaves secrets on hosts, and a batch system's `JOB_ID` breaks
the events.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_KEPT = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",  # Some builds of Python do not start without it.
        "LOGNAME",
        "SSH_AUTH_SOCK",
        "TMPDIR",
        "TZ",
        "USER",
        # The control machine downloads wheels, from the operator's index and by the operator's way.
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NETRC",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    }
)
_KEPT_BEGINNINGS = ("LC_", "UV_")
# What ansible-runner adds for its own callback, by which events reach us.
_RUNNERS_OWN = frozenset(
    {
        "ANSIBLE_CACHE_PLUGIN",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION",
        "ANSIBLE_RETRY_FILES_ENABLED",
        "ANSIBLE_STDOUT_CALLBACK",
        "AWX_ISOLATED_DATA_DIR",
        "RUNNER_OMIT_EVENTS",
        "RUNNER_ONLY_FAILED_EVENTS",
    }
)


def own_environment(content: Path, private: Path, sockets: Path) -> dict[str, str]:
    """The settings of a run; whatever the operator's environment says, these hold.

    ``private`` is the run's directory, ``sockets`` one for its connections. The path of a Unix
    socket ends at 107 bytes, so that one cannot be in the project.
    """
    # A dependency of the run alone, and slow to import.
    from ansible_runner.utils import get_callback_dir

    return {
        # The ansible-playbook that was installed with us comes first, whatever PATH says.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        # ansible-runner sets this to False unless it is given.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
        # Plugins and collections in the operator's ~/.ansible have no part in a run.
        "ANSIBLE_HOME": str(private),
        "ANSIBLE_CALLBACK_PLUGINS": str(get_callback_dir()),
        "ANSIBLE_COLLECTIONS_PATH": str(content),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_FORCE_COLOR": "0",
        "PYTHONWARNINGS": "ignore",
    }


def only_allowed(environment: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """``environment``, as ansible-runner has prepared it, without what is not listed above."""
    return {
        name: value for name, value in environment.items() if _allowed(name) or name in own
    } | dict(own)


def _allowed(name: str) -> bool:
    # Proxies are also written in small letters.
    return name.upper() in _KEPT or name in _RUNNERS_OWN or name.startswith(_KEPT_BEGINNINGS)
