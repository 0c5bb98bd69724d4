"""Spec files: read with file and line, edited in place, masked."""
