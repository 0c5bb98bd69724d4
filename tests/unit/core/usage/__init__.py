"""Tests of adbray_ctl/core/usage."""
