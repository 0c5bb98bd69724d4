"""Scripts that roles put on hosts."""
