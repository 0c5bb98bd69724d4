"""What asks hosts over SSH: login, one command at a time, and each question."""
