"""What an apply changes: each node's change with its reason, in steps."""
