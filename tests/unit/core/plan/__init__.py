"""Tests of adbray_ctl/core/plan."""
