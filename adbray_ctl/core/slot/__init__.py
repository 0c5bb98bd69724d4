"""What one slot is: its record, disk, share of cards and memory, and its names on a host."""
