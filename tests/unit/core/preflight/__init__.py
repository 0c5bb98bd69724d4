"""Tests of adbray_ctl/core/preflight."""
