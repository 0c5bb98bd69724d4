"""The spec files of a group with its head on one host and a worker on another."""

from __future__ import annotations

FLEET = "kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}]\n"
GROUP = """\
kind: RayCluster
name: demo
head: {size: small, hosts: {names: [a]}}
worker_groups: [{name: w, size: small, hosts: {names: [b]}}]
"""
