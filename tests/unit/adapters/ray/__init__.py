"""Tests of adbray_ctl/adapters/ray."""
