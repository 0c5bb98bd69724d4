"""What people write: the models of fleet.yml and groups/*.yml, and what they may hold."""
