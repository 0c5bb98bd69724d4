"""The keeper of a head."""
