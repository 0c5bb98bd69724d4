"""The autoscaler's provider: hosts that are stood in for, and Ray's own adapter over it."""
