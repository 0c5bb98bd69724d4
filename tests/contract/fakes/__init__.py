"""A fake and the adapter that it stands in for do the same."""
