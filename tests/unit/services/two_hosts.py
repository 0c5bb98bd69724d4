"""The spec files of a group on a fleet of two hosts."""

from __future__ import annotations

FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
"""
GROUP = """\
kind: RayCluster
name: demo
worker_groups: [{name: w, size: small}]
"""
