"""Tests of adbray_ctl/core/spec."""
