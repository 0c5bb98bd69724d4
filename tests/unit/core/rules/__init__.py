"""Tests of adbray_ctl/core/rules."""
