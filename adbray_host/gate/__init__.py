"""The gate: how the head of a group lists, starts and stops its worker slots on this host."""
