"""`--distributed`: shards as tasks of a Ray cluster, which runs those of a lost worker again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import snnc
from snnc.ir import file as snnc_file
from snnc.ir.arrays import Array
from snnc.ir.errors import ChildFailed, MissingExtra, NotExecutable, SnncError, error_from_json
from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.scale.order import Order
from snnc.runtime.scale.shards import Shard, ShardResult
from snnc.runtime.scale.worker import Plan, Worker

LOCAL = "local"
ATTEMPTS = 3
"""How often Ray begins a task again whose worker or node was lost."""
_AHEAD = 2
"""Tasks on their way for each core of the cluster: their results have to fit into memory."""
_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
_ERROR = b"!"


@dataclass(frozen=True)
class _Parcel:
    """What a worker fetches once: references to objects in the store, not the objects.

    Attributes:
        key: names the run.
        version: of the snnc that sends it.
        model: of the bytes of the `.snnc`.
        order: for the worker, its paths those of this machine.
        arrays: of samples that are in memory by name; None: workers open the order's `data`.
    """

    key: str
    version: str
    model: Any
    order: bytes
    arrays: Any


class RayExecutor:
    """A Ray cluster: the one at `address`, or one of this machine's cores.

    Args:
        model, data, plan: of the run.
        address: of a cluster's head, `auto`, or `local`.

    Attributes:
        n_workers: cores of the cluster.
    """

    def __init__(self, model: Model, data: DataSet, plan: Plan, address: str) -> None:
        if model.bundle is not None:
            raise NotExecutable(
                "a bundle runs where its own environment is",
                where=str(model.bundle),
                hint="distribute its model.snnc",
            )
        self._ray = _import_ray()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._connect(address)
        self.n_workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._parcel = self._pack(model, data, plan)

    @property
    def shipped(self) -> list[Any]:
        """References to what every machine fetches once: the model, samples that are in memory."""
        return [self._parcel.model, *(self._parcel.arrays or {}).values()]

    def run(self, shards: Sequence[Shard], check: Callable[[], None]) -> Iterator[ShardResult]:
        """Results in the order in which they come.

        Raises:
            ChildFailed: the cluster lost a shard again and again, or is gone.
            SnncError: what a worker met.
        """
        task = self._ray.remote(run_shard).options(
            num_cpus=1, max_retries=ATTEMPTS, scheduling_strategy="SPREAD"
        )
        todo, pending = list(reversed(shards)), list[Any]()
        while todo or pending:
            check()
            while todo and len(pending) < _AHEAD * self.n_workers:
                shard = todo.pop()
                pending.append(task.remote(self._parcel, shard.first, shard.n))
            ready, pending = self._ray.wait(pending, timeout=_LOOK_SECONDS)
            for reference in ready:
                yield self._result(reference)

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        if self._ours:
            self._ray.shutdown()

    def _connect(self, address: str) -> None:
        try:
            host, colon, port = address.rpartition(":")
            if colon and "/" not in address:  # Ray itself would wait for minutes
                socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address == LOCAL else None,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ChildFailed(
                f"no Ray cluster answers: {str(error).splitlines()[0]}",
                where=address,
                hint="`ray start --head` on one machine, then `--distributed IP:6379`",
            ) from error

    def _pack(self, model: Model, data: DataSet, plan: Plan) -> _Parcel:
        content = _model_bytes(model)
        inputs = dict(data.inputs) or {"x": data.x}
        # neither mapped nor read sample by sample
        held = data.spec is None or all(type(array) is np.ndarray for array in inputs.values())
        order = Order(
            model=str(model.path),
            graph_hash=model.graph_hash,
            data=data.spec or data.name,
            n_samples=len(data) if held or data.whole is None else data.whole,
            plan=plan,
        ).to_bytes()
        arrays = {n: self._ray.put(np.asarray(a)) for n, a in inputs.items()} if held else None
        return _Parcel(
            key=hashlib.sha256(content + order).hexdigest(),
            version=snnc.__version__,
            model=self._ray.put(content),
            order=order,
            arrays=arrays,
        )

    def _result(self, reference: Any) -> ShardResult:
        try:
            answer: bytes = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise ChildFailed(
                f"the cluster lost a shard: {str(error).splitlines()[0]}",
                hint="shards that are done are kept with -o; go on with `--resume`",
            ) from error
        if answer.startswith(_ERROR):
            raise error_from_json(json.loads(answer[1:]))
        return ShardResult.from_bytes(answer)


def run_shard(parcel: _Parcel, first: int, n: int) -> bytes:
    """Compute one shard on whatever machine of the cluster this is; errors are results, too."""
    try:
        return _workers(_Once(parcel)).run(Shard(first, n)).to_bytes()
    except SnncError as error:
        return _ERROR + json.dumps(error.to_json()).encode()


class _Once:
    """A parcel, equal to every other of the same run."""

    def __init__(self, parcel: _Parcel) -> None:
        self.parcel = parcel

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once) and other.parcel.key == self.parcel.key

    def __hash__(self) -> int:
        return hash(self.parcel.key)


@cache
def _workers(once: _Once) -> Worker:
    """The worker of a run, made once in each process."""
    import ray

    os.environ.setdefault("SNNC_COSTS", "stored")  # nothing is measured while others work
    parcel = once.parcel
    if parcel.version != snnc.__version__:
        raise NotExecutable(
            f"a machine of the cluster has snnc {snnc.__version__}, the run began with "
            f"{parcel.version}",
            where=str(ray.util.get_node_ip_address()),
        )
    order = Order.from_bytes(parcel.order)
    arrays: dict[str, Array] | None = None
    if parcel.arrays is not None:
        arrays = {name: ray.get(held) for name, held in parcel.arrays.items()}
    with tempfile.TemporaryDirectory(prefix="snnc-ray-") as folder:
        path = Path(folder) / "model.snnc"
        path.write_bytes(ray.get(parcel.model))
        return order.worker(path, arrays)


def _model_bytes(model: Model) -> bytes:
    if model.path is not None:
        return model.path.read_bytes()
    with tempfile.TemporaryDirectory(prefix="snnc-ray-") as folder:
        path = Path(folder) / "model.snnc"
        snnc_file.save(path, model.file)
        return path.read_bytes()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("--distributed needs Ray", hint="pip install 'snnc[cluster]'") from error
    return ray
