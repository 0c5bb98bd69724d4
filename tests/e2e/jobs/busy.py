"""Does for SECONDS what Ray has dashboards for: busy.py SECONDS.

Tasks, actors, a placement group, objects that are spilled and moved, Ray Data, Serve and Train, all
of them beside each other. Serve listens on the head. What must fail is the load's own.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import ray
import ray.data
import ray.train
from ray import serve
from ray.serve.generated import serve_pb2, serve_pb2_grpc
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.util.placement_group import placement_group, remove_placement_group

SECONDS = float(sys.argv[1])
HTTP, GRPC = 8000, 9000
SERVICER = "ray.serve.generated.serve_pb2_grpc.add_UserDefinedServiceServicer_to_server"
FEW = {"num_cpus": 0.1}
BLOCK_BYTES, BLOCKS = 16 * 2**20, 16


class LoadError(Exception):
    """What fails because it is to."""


@ray.remote(**FEW, max_retries=1, retry_exceptions=True)
def twice(file: str) -> None:
    """Fails at first, and takes its time when it is tried again."""
    mark = Path(file)
    if not mark.exists():
        mark.touch()
        raise LoadError
    time.sleep(10)


@ray.remote(**FEW, max_retries=0)
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@ray.remote(**FEW)
def short() -> None:
    time.sleep(2)


def tasks() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        here = {"label_selector": {ray._raylet.RAY_NODE_ID_KEY: node_id()}}
        waiting = [twice.options(**here).remote(f"{scratch}/once"), killed.remote()]
        waiting += [short.remote() for _ in range(4)]
        ray.wait(waiting, num_returns=len(waiting))


def node_id() -> str:
    found: str = ray.get_runtime_context().get_node_id()
    return found


@ray.remote(**FEW)
class Adder:
    def __init__(self) -> None:
        self.sum = 0

    def add(self, number: int) -> int:
        time.sleep(0.2)
        self.sum += number
        return self.sum


def actors() -> None:
    """One of them lives in a placement group; both die at the end of a round."""
    group = placement_group([{"CPU": 0.2}])
    ray.get(group.ready())
    held = [Adder.remote(), Adder.options(placement_group=group).remote()]
    for number in range(30):
        ray.get([actor.add.remote(number) for actor in held])
    for actor in held:
        ray.kill(actor)
    remove_placement_group(group)


def objects() -> None:
    """More than the store of this node holds, read by each other node."""
    held = [ray.put(np.random.default_rng(n).bytes(BLOCK_BYTES)) for n in range(BLOCKS)]
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            there = {"label_selector": {ray._raylet.RAY_NODE_ID_KEY: node["NodeID"]}}
            reads = [length.options(**there).remote(block) for block in held]
            read, waiting = ray.wait(reads, num_returns=len(reads), timeout=60)
            ray.get(read)
            if waiting and alive(node["NodeID"]):
                raise LoadError(f"{len(waiting)} objects were not read within a minute")
            # They wait for a node that has gone, and would for ever.
            for one in waiting:
                ray.cancel(one)


def alive(node: str) -> bool:
    return any(one["Alive"] for one in ray.nodes() if one["NodeID"] == node)


@ray.remote(**FEW)
def length(block: bytes) -> int:
    return len(block)


def slow(batch: dict[str, Any]) -> dict[str, Any]:
    time.sleep(0.5)
    return {**batch, "bytes": [bytes(1000)] * len(batch["id"])}


def pipeline() -> ray.data.Dataset:
    rows = ray.data.range(2000, override_num_blocks=20)
    return rows.map_batches(slow, batch_size=None, num_cpus=0.2)


def data() -> None:
    for _ in pipeline().iter_batches(batch_size=100):
        time.sleep(0.2)


def learn(config: dict[str, str]) -> None:
    """Reads its share of the data, and reports with a checkpoint now and then.

    Fails at first: what a worker group's end took is told while its controller lives on, or never.
    """
    mark = Path(config["mark"])
    if not mark.exists():
        mark.touch()
        raise LoadError
    for number, _ in enumerate(ray.train.get_dataset_shard("train").iter_batches(batch_size=100)):
        time.sleep(0.5)
        if number % 5 == 0:
            with tempfile.TemporaryDirectory() as directory:
                (Path(directory) / "model").write_bytes(bytes(2**20))
                kept = ray.train.Checkpoint.from_directory(directory)
                ray.train.report({"batch": number}, checkpoint=kept)


def train() -> None:
    """On one node: without a shared file system checkpoints of several would be apart."""
    with tempfile.TemporaryDirectory() as storage:
        scaling = ray.train.ScalingConfig(
            num_workers=1,
            resources_per_worker={"CPU": 0.2},
            label_selector={ray._raylet.RAY_NODE_ID_KEY: node_id()},
        )
        DataParallelTrainer(
            learn,
            train_loop_config={"mark": f"{storage}/once"},
            scaling_config=scaling,
            datasets={"train": pipeline()},
            run_config=ray.train.RunConfig(
                storage_path=storage, failure_config=ray.train.FailureConfig(max_failures=1)
            ),
        ).fit()


@serve.deployment(num_replicas=1, max_ongoing_requests=2, ray_actor_options=FEW)
class Model:
    @serve.multiplexed(max_num_models_per_replica=1)
    async def load(self, name: str) -> str:
        return name

    async def __call__(self, request: Any) -> Any:
        """Of HTTP and of gRPC alike; one model in the cache, so that the other is put out."""
        await asyncio.sleep(0.1)
        if isinstance(request, serve_pb2.UserDefinedMessage):
            if request.name == "fails":
                raise LoadError
            return serve_pb2.UserDefinedResponse(greeting=request.name)
        if "fails" in request.query_params:
            raise LoadError
        return await self.load(serve.get_multiplexed_model_id())


def open_service() -> str:
    """The head's address, where Serve's only proxy listens."""
    (head,) = [n for n in ray.nodes() if n["Alive"] and "node:__internal_head__" in n["Resources"]]
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "0.0.0.0", "port": HTTP},  # noqa: S104  # a lab
        grpc_options={"port": GRPC, "grpc_servicer_functions": [SERVICER]},
    )
    serve.run(Model.bind(), name="app", route_prefix="/app")
    address: str = head["NodeManagerAddress"]
    return address


def requests(address: str) -> None:
    """Several at once, some of which fail, by both ways."""
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            asked = [pool.submit(by_http, address, word) for word in ("a", "b", "a", "fails")]
            asked += [pool.submit(by_grpc, address, word) for word in ("works", "fails")]
            for one in asked:
                one.result()


def by_http(address: str, word: str) -> None:
    query = "?fails=1" if word == "fails" else ""
    model = {"serve_multiplexed_model_id": word}
    request = urllib.request.Request(f"http://{address}:{HTTP}/app{query}", headers=model)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # http
            answer.read()
    except urllib.error.HTTPError as error:
        if word != "fails":
            raise LoadError(f"{word}: {error}") from error


def by_grpc(address: str, word: str) -> None:
    with grpc.insecure_channel(f"{address}:{GRPC}") as channel:
        stub = serve_pb2_grpc.UserDefinedServiceStub(channel)
        message = serve_pb2.UserDefinedMessage(name=word)
        try:
            stub.__call__(message, metadata=(("application", "app"),), timeout=60)
        except grpc.RpcError as error:
            if word != "fails":
                raise LoadError(f"{word}: {error}") from error


def again(what: Callable[[], None], until: float) -> int:
    rounds = 0
    while time.monotonic() < until:
        what()
        rounds += 1
    return rounds


def main() -> None:
    ray.init(log_to_driver=False)
    address = open_service()
    parts: dict[str, Callable[[], None]] = {
        "tasks": tasks,
        "actors": actors,
        "objects": objects,
        "data": data,
        "train": train,
        "requests": lambda: requests(address),
    }
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(len(parts)) as pool:
        going = {pool.submit(again, what, until): name for name, what in parts.items()}
        for one in as_completed(going):
            print(f"{going[one]}: {one.result()} rounds", flush=True)
    serve.shutdown()


main()
