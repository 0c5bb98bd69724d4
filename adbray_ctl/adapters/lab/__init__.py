"""Lab hosts as systemd-nspawn containers (docs/adr/0008)."""

from adbray_ctl.adapters.lab.nspawn import NspawnLab

__all__ = ["NspawnLab"]
