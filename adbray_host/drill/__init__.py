"""A drill's part on hosts: the faults, and the driver that watches them."""
