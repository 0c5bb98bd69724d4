"""What keeps uploads within the room of the head's store, inside Ray's own processes.

Part of every Ray environment on hosts, beside Ray: `adbray_uploads.pth` imports ``hook`` when
Python starts. It knows Ray, the standard library, and the keeper's client of Redis.
"""
