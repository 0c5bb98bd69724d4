"""Playbooks, run by ansible-runner."""
