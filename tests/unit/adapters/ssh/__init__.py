"""Tests of adbray_ctl/adapters/ssh."""
