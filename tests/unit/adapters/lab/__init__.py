"""Tests of adbray_ctl/adapters/lab."""
