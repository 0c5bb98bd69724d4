"""What the control machine keeps in files: secrets, history, locks, inventories."""
