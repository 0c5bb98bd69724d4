"""What runs on hosts, under their own Python 3.7 or newer and the standard library alone.

It travels as one zipapp: ``python3 -I adbray_host-DIGEST.pyz COMMAND``. Whatever imports it besides
takes its names for paths and units, and nothing that acts.
"""
