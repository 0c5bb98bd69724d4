"""An inventory as data, and the places on the control side that it names."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Site(BaseModel):
    """Where the control side keeps things, as absolute paths.

    ``slot_key_file`` is the private key of the group's head, its public half beside it in `.pub`;
    ``provider_dir`` has the autoscaler's provider, ``in_ray_dir`` what changes Ray in its own
    processes. ``host_program`` is adbray_host as one file, ``web_dir`` has what browsers need, one
    for all groups.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    known_hosts: str
    token_file: str
    redis_password_file: str
    redis_admin_password_file: str
    redis_exporter_password_file: str
    redis_cert_file: str
    redis_key_file: str
    slot_key_file: str
    grafana_dir: str
    web_dir: str
    provider_dir: str
    in_ray_dir: str
    host_program: str
    archive_cache: str


class Inventory(BaseModel):
    """``groups`` lists hosts by Ansible group; ``all_vars`` and ``host_vars`` are the variables."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    groups: dict[str, tuple[str, ...]]
    all_vars: dict[str, Any]
    host_vars: dict[str, dict[str, Any]]
