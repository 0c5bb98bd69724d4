"""Tests without network, hosts or privileges."""
