"""How a slot's disk is kept to its size on a host: one way a module, the same calls for each.

Our Ansible modules import this room as module_utils, so that it imports others by relative names.
"""
