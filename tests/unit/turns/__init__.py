"""Turns of the starts on a host."""
