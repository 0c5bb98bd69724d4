"""Slots' disks kept usable: logs within a bound, and room for the next start."""
