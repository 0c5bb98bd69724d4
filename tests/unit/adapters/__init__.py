"""Tests of the adapters that need no hosts."""
