"""What asks hosts over SSH: login, one command at a time, and each question."""

import sys

# Paramiko imports invoke, where there is one, for `Match exec` in ssh_config, which is not read
# here; that is a third of the time that paramiko takes. None says that there is none.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
