"""What a preflight must know of a host; nothing here changes the host."""
