"""Tests of adbray_ctl/core/placement."""
