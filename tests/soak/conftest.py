"""The lab and the cluster of the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import cluster, lab

__all__ = ["cluster", "lab"]
