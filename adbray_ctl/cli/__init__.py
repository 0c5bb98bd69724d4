"""The command line: parse, confirm, print, exit code."""
