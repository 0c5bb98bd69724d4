"""The keeper: the main process of a head's unit.

It leads or waits: of all keepers of a group one holds the leadership in Redis, and only that one
runs Ray. It ends, and systemd everything with it, when Ray ends, hangs, or may no longer lead.
"""
