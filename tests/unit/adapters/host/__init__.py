"""Tests of adbray_ctl/adapters/host."""
