"""What changes Ray inside its own processes."""
