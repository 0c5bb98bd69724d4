"""Tests of adbray_ctl/core/inventory."""
