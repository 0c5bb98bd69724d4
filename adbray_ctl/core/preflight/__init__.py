"""What `adbray check` reads of hosts, what a group needs of them, and the findings."""
