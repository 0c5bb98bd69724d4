"""Playbooks, run by ansible-runner."""

from adbray_ctl.adapters.ansible.runner import AnsibleRunner

__all__ = ["AnsibleRunner"]
