"""Lab hosts: systemd-nspawn containers and qemu virtual machines (docs/adr/0008, 0016)."""
