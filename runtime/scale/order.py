"""What a worker elsewhere needs to begin: where the model and the data are, and the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snnc.ir import file as snnc_file
from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import Model, load
from snnc.runtime.scale.worker import Plan, Worker


@dataclass(frozen=True, kw_only=True)
class Order:
    """A worker's order, as one JSON object.

    Attributes:
        model: path of the `.snnc` file or the bundle.
        graph_hash: that the model has to have.
        data: what `load_data` finds the samples by.
        n_samples: that the data has to hold.
        plan: of the run.
        prepared: is the data what the model takes already?
    """

    model: str
    graph_hash: str
    data: str
    n_samples: int
    plan: Plan
    prepared: bool = False

    def to_bytes(self) -> bytes:
        """The order as JSON."""
        return json.dumps({**vars(self), "plan": self.plan.to_json()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Order:
        """Read `to_bytes`."""
        values: dict[str, Any] = json.loads(data)
        return cls(**{**values, "plan": Plan.from_json(values["plan"])})

    def worker(self, path: Path | None = None, arrays: dict[str, Array] | None = None) -> Worker:
        """Load everything.

        Args:
            path: of the model, where it is not where the order says.
            arrays: samples by input, ready for the model; None: opened as the order says.

        Raises:
            BadInputFile: model or data are not there, or not what the run began with.
        """
        model = load(path or self.model)
        if model.graph_hash != self.graph_hash:
            raise BadInputFile("the model has changed since the run began", where=self.model)
        feeder = Feeder(model.file)
        if arrays is None:
            preparation = None if self.prepared else model.preparation
            data = load_data(self.data, feeder.shape, feeder.names, preparation)
        else:
            first = next(iter(arrays.values()))
            several = arrays if len(arrays) > 1 else {}
            data = DataSet(name=self.data, x=first, inputs=several)
        if len(data) != self.n_samples:
            raise BadInputFile(
                f"{len(data)} samples, where the run began with {self.n_samples}", where=data.name
            )
        return Worker(model, data, self.plan)


@contextmanager
def ordered(model: Model, data: DataSet, plan: Plan) -> Iterator[Order]:
    """The order for what this process holds; what is only in memory is written for a while."""
    with TemporaryDirectory(prefix="snnc-run-") as folder:
        place = model.path
        if place is None:
            place = Path(folder) / "model.snnc"
            snnc_file.save(place, model.file)
        spec = data.spec
        if spec is None:
            spec = str(Path(folder) / "data.npz")
            arrays = dict(data.inputs) or {"x": np.asarray(data.x)}
            np.savez(spec, **arrays)  # type: ignore[arg-type]
        yield Order(
            model=str(place.absolute()),
            graph_hash=model.graph_hash,
            data=spec,
            n_samples=len(data) if data.whole is None else data.whole,
            plan=replace(plan, engine=plan.engine or model.default_engine),
            prepared=data.spec is None,
        )
