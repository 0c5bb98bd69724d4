"""This host's GPUs, cut into what its slots have of them."""
