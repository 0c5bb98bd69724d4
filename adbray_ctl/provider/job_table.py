"""The jobs that the head's GCS knows, as Ray's job manager keeps them in its key-value table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ray._private.grpc_utils import init_grpc_channel
from ray._private.ray_constants import KV_NAMESPACE_JOB
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of Ray's compiled part
from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc
from ray.dashboard.modules.job.common import (
    JOB_ACTOR_NAME_TEMPLATE,
    SUPERVISOR_ACTOR_RAY_NAMESPACE,
    JobInfo,
    JobInfoStorageClient,
    JobStatus,
)

from adbray_ctl.provider.lost_jobs import Job

_PREFIX = JobInfoStorageClient.JOB_DATA_KEY_PREFIX
_TIMEOUT_S = 5.0
# Made by protobuf, at run time or without types: out of a type checker's sight.
_messages: Any = gcs_service_pb2
_services: Any = gcs_service_pb2_grpc


class GcsJobTable:
    """Asks one GCS, at host:port, over connections that are kept."""

    def __init__(self, gcs_address: str) -> None:
        self._address = gcs_address
        self._kept: tuple[Any, Any] | None = None
        self._ended: set[bytes] = set()

    def head_since_s(self) -> float:
        """Raises LookupError while no head node is registered."""
        gcs, _ = self._clients()
        nodes = gcs.get_all_node_info(timeout=_TIMEOUT_S).values()
        heads = [node for node in nodes if node.is_head_node and not node.end_time_ms]
        if not heads:
            raise LookupError("no head node is registered")
        return float(max(node.start_time_ms for node in heads) / 1000)

    def unfinished(self) -> Iterable[Job]:
        gcs, _ = self._clients()
        keys = gcs.internal_kv_keys(_PREFIX.encode(), KV_NAMESPACE_JOB, timeout=_TIMEOUT_S)
        asked = [key for key in keys if key not in self._ended]
        found = gcs.internal_kv_multi_get(asked, KV_NAMESPACE_JOB, timeout=_TIMEOUT_S)
        for key, value in found.items():
            info = _parse(value)
            if info.status.is_terminal():
                self._ended.add(key)
                continue
            yield Job(
                id=key.decode().removeprefix(_PREFIX),
                running=info.status == JobStatus.RUNNING,
                submitted_s=(info.start_time or 0) / 1000,
            )

    def has_supervisor(self, job: str) -> bool:
        return self._supervisor(job) is not None

    def fail(self, job: str, message: str, at_s: float) -> None:
        gcs, actors = self._clients()
        supervisor = self._supervisor(job)
        if supervisor is not None:
            request = _messages.KillActorViaGcsRequest(
                actor_id=supervisor, force_kill=True, no_restart=True
            )
            actors.KillActorViaGcs(request, timeout=_TIMEOUT_S)
        key = (_PREFIX + job).encode()
        value = gcs.internal_kv_get(key, KV_NAMESPACE_JOB, timeout=_TIMEOUT_S)
        info = _parse(value) if value else None
        if info is None or info.status in (JobStatus.SUCCEEDED, JobStatus.STOPPED):
            return
        info.status, info.message = JobStatus.FAILED, message
        info.end_time = info.end_time or int(at_s * 1000)
        text = json.dumps(info.to_json()).encode()
        gcs.internal_kv_put(key, text, True, KV_NAMESPACE_JOB, timeout=_TIMEOUT_S)

    def _supervisor(self, job: str) -> bytes | None:
        """The id of the actor; Ray frees the name of one that is dead."""
        _, actors = self._clients()
        request = _messages.GetNamedActorInfoRequest(
            name=JOB_ACTOR_NAME_TEMPLATE.format(job_id=job),
            ray_namespace=SUPERVISOR_ACTOR_RAY_NAMESPACE,
        )
        reply = actors.GetNamedActorInfo(request, timeout=_TIMEOUT_S)
        return reply.actor_table_data.actor_id or None

    def _clients(self) -> tuple[Any, Any]:
        if self._kept is None:
            channel = init_grpc_channel(self._address)
            actors = _services.ActorInfoGcsServiceStub(channel)
            self._kept = GcsClient(address=self._address), actors
        return self._kept


def _parse(value: bytes) -> Any:
    return JobInfo.from_json(json.loads(value))
