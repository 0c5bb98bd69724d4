"""What keeps uploads within the room of the head's store, inside Ray's own processes.

Part of every Ray environment on hosts, beside Ray: `adbray_uploads.pth` imports ``hook`` when Python
starts. It knows Ray and the standard library, the reader of the store in `adbray_ctl/keeper`, and
nothing else of ours.
"""
