"""What a host says of itself for the observe pass; nothing here changes the host."""
