"""Turns: how many heads and workers of a host start at once, and who is next."""
