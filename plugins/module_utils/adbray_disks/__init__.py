"""How a slot's disk is kept to its size on a host: one way a module, the same calls for each."""
