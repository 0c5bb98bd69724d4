"""Plain SSH to the hosts: login, one command with marks around its output, and what is asked so."""

from adbray_ctl.adapters.ssh.hosts import PARALLEL, SshHosts, everywhere

__all__ = ["PARALLEL", "SshHosts", "everywhere"]
