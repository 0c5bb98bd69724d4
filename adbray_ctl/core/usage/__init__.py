"""When heads and workers ran, and what that costs."""
