"""Tests of adbray_ctl/core/slot."""
