"""adbray: Ray clusters on machines reached over SSH."""
