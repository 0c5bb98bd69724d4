"""Fakes of the outside for tests: one for each Protocol that services use, all in memory.

A fake does what its Protocol says and keeps what it was asked to do. `outside.Outside` has one of
each.
"""
