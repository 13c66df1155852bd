"""Opening an engine for a model: by name, or the one that a bundle brings along."""

from __future__ import annotations

from dataclasses import dataclass, replace

from snnc.backends import rate
from snnc.backends.base import Engine, Session
from snnc.backends.feeds import check_code
from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.stages import crosses_host
from snnc.runtime.model import Model
from snnc.runtime.staged import StagedSession

LAVA = "lava"


@dataclass(frozen=True)
class OpenEngine:
    """An engine that is ready to run one model.

    Attributes:
        name: as on the command line.
        session: takes feeds.
        counts_synapses: does it count synaptic operations?
        batch: samples that it wants at once; None: as memory allows.
    """

    name: str
    session: Session
    counts_synapses: bool
    batch: int | None = None


def open_engine(
    model: Model,
    name: str | None,
    settings: RunSettings,
    n_frames: int,
    time_limit: float | None = None,
) -> OpenEngine:
    """Prepare the engine called `name` (None: the model's default) for `model`.

    Raises:
        UnknownBackend: no engine of that name.
        NotExecutable: it cannot run this graph or these settings.
    """
    name = name or model.default_engine
    engine = get_engine(name)
    check_code(name, rate.codes_of(engine), settings)
    if name == LAVA:
        engine = _lava_engine(engine, model, time_limit)
    session = open_session(engine, model, settings, n_frames)
    return OpenEngine(engine.name, session, engine.counts_synapses)


def open_session(engine: Engine, model: Model, settings: RunSettings, n_frames: int) -> Session:
    """A session of a model on an engine, host operators included.

    Raises:
        NotExecutable: the engine cannot run this graph.
    """
    graph = model.integer_graph
    if not crosses_host(graph):
        return rate.open_session(engine, graph, settings, n_frames)

    def prepare(part: Graph) -> Session:
        return rate.open_session(engine, part, settings, n_frames)

    return StagedSession(model.file, prepare, settings, n_frames)


def _lava_engine(engine: Engine, model: Model, time_limit: float | None) -> Engine:
    """The Lava engine as a bundle fixes it; for a plain `.snnc` as the model's target says."""
    from snnc.backends.lava.bundle import check_same, read_bundle
    from snnc.backends.lava.engine import LavaEngine

    assert isinstance(engine, LavaEngine)
    if time_limit is not None:
        engine = replace(engine, time_limit=time_limit)
    if model.bundle is None:
        return engine
    info = read_bundle(model.bundle)
    check_same(info, model.integer_graph, model.file.onnx)
    return replace(engine, target=info.target, conv=info.conv)
