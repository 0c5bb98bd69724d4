"""What runs on hosts, under their own Python: the other adapters send it as text."""
