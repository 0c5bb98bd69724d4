"""What lies on a slot's disk, whose it is, and what of it may go.

It reads as root what jobs may have written, so that no link is followed, and nothing on another
disk is looked at.
"""
