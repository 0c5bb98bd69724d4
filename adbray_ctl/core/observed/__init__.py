"""What hosts and Ray report, and what state of a group follows from it."""
