"""Data to terminal: no decisions here."""
