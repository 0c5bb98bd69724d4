"""Jobs: what is submitted, what Ray reports of it, and whether the cluster takes it."""
