"""What keeps uploads within the room of the head's store."""
