"""Which slot goes on which host, or why it fits on none."""
