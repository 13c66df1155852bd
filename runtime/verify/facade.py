"""`snnc verify`: the promises on data, streamed batch by batch."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from snnc.backends.base import EngineResult
from snnc.converter.sources import SourceModel, SourceOptions, load_source
from snnc.converter.sources.files import graph_file_hash
from snnc.ir.arrays import Array, FloatArray, Shape
from snnc.ir.codes import RunSettings
from snnc.runtime.batches import batch_size
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.feeds import Feeder, Samples
from snnc.runtime.host import host_parts
from snnc.runtime.model import Model, load
from snnc.runtime.progress import Progress, silent
from snnc.runtime.reals import real_values, step_map
from snnc.runtime.source_options import SourceArguments, source_options
from snnc.runtime.verify.derivation import check_derivation
from snnc.runtime.verify.difference import Tally
from snnc.runtime.verify.engines import EngineCheck, open_engines
from snnc.runtime.verify.lowering import LoweringCheck
from snnc.runtime.verify.overflow import check_overflow
from snnc.runtime.verify.rate import RateLoss
from snnc.runtime.verify.report import PopulationReport, Verification
from snnc.runtime.verify.rounding import RoundingCheck
from snnc.runtime.verify.values import EXACT, SourceRunner

if TYPE_CHECKING:
    import torch

_COPIES = 4
"""Arrays of the size of all values that the checks hold at once, beyond an engine's."""


def verify(
    source: SourceModel | torch.nn.Module | str | os.PathLike[str] | None,
    model: Model | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    *,
    engine: str | Sequence[str] = (),
    limit: int | None = None,
    max_changed: float | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    progress: Progress | None = None,
    **said: Unpack[SourceArguments],
) -> Verification:
    """Check the promises for a converted model; both forms are read from its file.

    Args:
        source: what the model was converted from; None for a graph that was read as it is (NIR,
            `.net`): then engines and widths alone are checked.
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples (and labels): `.npz`, `.npy`, a name, an array, or one for each input.
        engine: engines to compare; empty: event and dense, for a bundle also lava.
        limit: take the first samples only.
        max_changed: fail where rounding changes a larger share of a population's counts.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        progress: is told after each batch.
        said: about the source: the keys of `SourceArguments`, such as `input_shape`.

    Raises:
        SnncError: by its subclass: unreadable source, model or data, a model that was converted
            from another source, an engine that cannot run the graph, ….
    """
    start = time.perf_counter()
    model = model if isinstance(model, Model) else load(model)
    feeder = Feeder(model.file)
    samples = load_data(data, feeder.shape, feeder.names, model.preparation).limit(limit)
    options = source_options(said, model.preparation)
    graph_hash = graph_file_hash(source) if isinstance(source, str | os.PathLike) else None
    loaded = _loaded(None if graph_hash else source, _as_converted(options, model), feeder)
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    asked = (engine,) if isinstance(engine, str) else tuple(engine)
    work = _Work.prepare(
        model, feeder, loaded, settings, feeder.n_frames(samples.samples, samples.name), asked
    )
    if graph_hash:
        work.notes += _graph_notes(model, graph_hash)
    tell = progress or silent
    for first, x in enumerate(samples.batches(work.batch)):
        done = first * work.batch
        work.add(x, done, samples.name)
        tell("verify", min(done + work.batch, len(samples)), len(samples))
    return work.finish(samples, max_changed, time.perf_counter() - start)


def _as_converted(options: SourceOptions, model: Model) -> SourceOptions:
    """What the options do not say about frames is as it was when the model was converted."""
    known = model.manifest.get("provenance") or {}
    names = ("frames", "time_axis", "reduce")
    if any(getattr(options, name) is not None for name in names):
        return options
    given: dict[str, Any] = {name: known.get(name) for name in names}
    return replace(options, **given)


def _whole(shape: Shape, options: SourceOptions) -> Shape:
    """Shape of forward()'s input for one sample of inputs of one frame of `shape`."""
    if options.time_axis is None:
        return (1, *shape)
    n_frames = options.frames or 1
    return (n_frames, 1, *shape) if options.time_axis == 0 else (1, n_frames, *shape)


def _loaded(source: Any, options: SourceOptions, feeder: Feeder) -> SourceModel | None:
    if source is None or isinstance(source, SourceModel):
        return source
    if isinstance(source, str | os.PathLike) or options.input_shape is not None:
        return load_source(source, options)
    examples = tuple(np.zeros(_whole(n.shape, options), dtype=n.dtype) for n in feeder.inputs)
    return load_source(source, options, examples[0] if len(examples) == 1 else examples)


@dataclass
class _Work:
    """The checks of one verification and what they share."""

    model: Model
    feeder: Feeder
    settings: RunSettings
    n_frames: int
    runner: SourceRunner | None
    lowering: LoweringCheck
    engines: EngineCheck
    rounding: RoundingCheck
    loss: RateLoss | None
    notes: list[str]

    @classmethod
    def prepare(
        cls,
        model: Model,
        feeder: Feeder,
        source: SourceModel | None,
        settings: RunSettings,
        n_frames: int,
        asked: Sequence[str],
    ) -> _Work:
        """Open engines and source."""
        opened, notes = open_engines(model, asked, settings, n_frames)
        runner = None if source is None else SourceRunner(source, model.float_graph)
        if source is not None:
            notes += _provenance_note(model, source)
            if runner is not None and not runner.has_original:
                notes.append("the source is no PyTorch model: its export was not compared")
            if source.eager is not None and source.eager.replays:
                notes.append(
                    "the source holds no code of its spiking modules: what they compute is what "
                    "snnc read, and compared with them, when it was saved"
                )
        return cls(
            model=model,
            feeder=feeder,
            settings=settings,
            n_frames=n_frames,
            runner=runner,
            lowering=LoweringCheck(
                model.float_graph,
                n_frames,
                emulated=runner is not None and runner.reference == EXACT,
                parts=host_parts(model.file, model.float_graph),
            ),
            engines=EngineCheck(model.integer_graph, opened, n_frames),
            rounding=RoundingCheck(model.float_graph, model.integer_graph),
            loss=None if settings.rate is None else RateLoss(model, settings, n_frames),
            notes=notes,
        )

    @property
    def batch(self) -> int:
        """Samples at once."""
        n_values = sum(node.size for node in self.model.integer_graph.nodes.values())
        return batch_size(n_values * _COPIES, self.n_frames)

    def add(self, x: Samples, first: int, where: str) -> None:
        """Check one batch of samples, shape (N, …)."""
        feeds = self.feeder.feeds(x, first=first, where=where)
        result = self.engines.add(feeds, first)
        if self.loss is not None:
            result = self.loss.add(feeds, result)
        if self.runner is None:
            return
        frames = self.feeder.frames(x, where)
        on_grid = self._on_grid(feeds, frames)
        values = self.runner.run(on_grid)
        inputs = self._inputs(feeds, result) | {
            n.name: frames[n.name].reshape(-1, *n.shape) for n in self.feeder.inputs if not n.grid
        }
        self.lowering.add(inputs, values, first * self.n_frames)
        if all(np.array_equal(on_grid[name], frames[name]) for name in frames):
            self.rounding.add(values.reference, values.original, result)
        else:
            raw = self.runner.run(frames)
            self.rounding.add(raw.reference, raw.original, result)

    def _on_grid(self, feeds: Mapping[str, Array], frames: Mapping[str, Array]) -> dict[str, Array]:
        """What the source is fed: the values that the counts stand for, shape (N, T, *shape)."""
        found = dict(frames)
        for node in self.feeder.inputs:
            if node.grid:
                real = real_values(node, feeds[node.name])
                found[node.name] = real.astype(node.dtype)
        return found

    def _inputs(self, feeds: Mapping[str, Array], result: EngineResult) -> dict[str, FloatArray]:
        """Real values of inputs and host operators as the engines got them, (N·T, *shape)."""
        whole = [node for node in self.feeder.inputs if node.grid]
        return {
            node.name: (
                (feeds[node.name] if node.name in feeds else result.counts[node.name])
                * step_map(node)
            ).reshape(-1, *node.shape)
            for node in (*self.model.integer_graph.sources, *whole)
        }

    def finish(self, samples: DataSet, max_changed: float | None, seconds: float) -> Verification:
        """Put the findings together."""
        rounding = {
            **self.rounding.to_json(samples.y),
            "input": self.feeder.loss.to_json(),
        }
        notes = list(self.notes)
        for c in self.engines.comparisons:
            if c.missing:
                notes.append(f"{c.engine} or {c.against} gave no counts for {len(c.missing)} nodes")
        if self.lowering.unseen:
            names = ", ".join(sorted(self.lowering.unseen))
            notes.append(f"the source shows no value for {names}: passed through unchecked")
        derivation = check_derivation(self.model)
        if not derivation.checked:
            notes.append("the file does not say how its integer form was made: not checked")
        return Verification(
            source=None if self.runner is None else self.runner.reference,
            n_samples=len(samples),
            n_frames=self.n_frames,
            code=self.settings.code,
            schedule=self.settings.schedule,
            rate=self.settings.rate,
            rate_loss=None if self.loss is None else self.loss.to_json(samples.y),
            populations=tuple(self._population(name) for name in self._names()),
            outputs=self.lowering.outputs,
            engines=tuple(self.engines.comparisons),
            integer_form=derivation,
            overflow=check_overflow(
                self.model.integer_graph, self.model.target, self.settings, self.n_frames
            ),
            rounding=rounding,
            max_changed=max_changed,
            notes=tuple(notes),
            seconds=seconds,
        )

    def _names(self) -> list[str]:
        """Nodes that are reported: populations, products, host operators."""
        differing = {name for c in self.engines.comparisons for name in c.by_population}
        known = [n for n in self.model.float_graph.nodes if n in self.lowering.export]
        return [*known, *sorted(differing - set(known))]

    def _population(self, name: str) -> PopulationReport:
        graph = (
            self.model.float_graph if name in self.lowering.export else (self.model.integer_graph)
        )
        node = graph.nodes[name]
        changed = self.rounding.changed.get(name)
        seen = self.runner is not None and name not in self.lowering.unseen
        return PopulationReport(
            name=name,
            module_path=node.module_path or name,
            kind=getattr(getattr(node, "model", None), "kind", node.kind),
            export=self.lowering.export.get(name, Tally()),
            lowering=self.lowering.forced.get(name, Tally()),
            free=self.lowering.free.get(name, Tally()),
            n_engine_mismatches=max(
                (c.by_population.get(name, 0) for c in self.engines.comparisons), default=0
            ),
            changed_share=changed.fraction if changed and changed.n_values else None,
            checked=seen and name in self.lowering.forced,
        )


def _graph_notes(model: Model, digest: str) -> list[str]:
    """What is said of a source that is a graph itself, by the hash of its file."""
    notes = ["the source file holds the graph itself: there is no source to run beside it"]
    if (model.manifest.get("provenance") or {}).get("sha256") != digest:
        notes.append("the source file is not the one that the model was converted from")
    return notes


def _provenance_note(model: Model, source: SourceModel) -> list[str]:
    """A sentence where the source file is not the one that was converted."""
    converted = (model.manifest.get("provenance") or {}).get("sha256")
    given = source.provenance.get("sha256")
    if converted and given and converted != given:
        return ["the source file is not the one that the model was converted from"]
    return []
