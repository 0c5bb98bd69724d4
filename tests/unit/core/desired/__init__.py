"""Tests of adbray_ctl/core/desired."""
