"""What judges uploads inside Ray."""
