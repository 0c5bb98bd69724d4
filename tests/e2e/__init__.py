"""The command line against real hosts of a lab."""
