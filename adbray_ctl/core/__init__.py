"""The pure core: models and decisions, no input or output."""
