"""Tests of adbray."""
