"""Tests of adbray_ctl/core/observed."""
