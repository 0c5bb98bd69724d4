"""What runs inside Ray to judge uploads."""
