"""What `adbray validate` checks across values and files."""
