"""A control side that keeps its files below /p."""

from __future__ import annotations

from adbray_ctl.core.inventory.site import Site

SITE = Site(
    known_hosts="/p/known_hosts",
    token_file="/p/secrets/demo/token",
    redis_password_file="/p/secrets/demo/redis_password",
    redis_admin_password_file="/p/secrets/demo/redis_admin_password",
    redis_exporter_password_file="/p/secrets/demo/redis_exporter_password",
    redis_cert_file="/p/secrets/demo/redis.crt",
    redis_key_file="/p/secrets/demo/redis.key",
    slot_key_file="/p/slot_key",
    grafana_dir="/p/_grafana",
    web_dir="/p/_web",
    provider_dir="/a/provider",
    in_ray_dir="/a/in_ray",
    host_program="/a/adbray_host.pyz",
    archive_cache="/c/archives",
)
