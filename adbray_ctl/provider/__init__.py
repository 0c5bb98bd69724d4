"""The autoscaler's provider: makes the hosts' slots follow what Ray's autoscaler v2 decides.

It runs in the monitor process on the head's host, in an environment that has Ray and paramiko and
nothing else of adbray.
"""
