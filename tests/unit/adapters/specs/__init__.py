"""Tests of adbray_ctl/adapters/specs."""
