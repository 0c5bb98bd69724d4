"""Tests of adbray_ctl/adapters/state."""
