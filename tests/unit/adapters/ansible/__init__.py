"""Tests of adbray_ctl/adapters/ansible."""
