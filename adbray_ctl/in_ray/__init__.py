"""What changes Ray inside its own processes: how it takes uploads, and Serve's default ports.

Part of every Ray environment on hosts, beside Ray: `adbray_in_ray.pth` imports ``hook`` when
Python starts. It knows Ray and the standard library.
"""
