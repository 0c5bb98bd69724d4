"""What a group's hosts should hold, in Ansible's words."""
