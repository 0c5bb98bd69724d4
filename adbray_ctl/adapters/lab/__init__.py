"""Lab hosts: systemd-nspawn containers and qemu virtual machines (docs/adr/0008, 0016)."""

from adbray_ctl.adapters.lab.lab import MachineLab

__all__ = ["MachineLab"]
