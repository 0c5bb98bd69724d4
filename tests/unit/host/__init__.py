"""Tests of adbray_host."""
