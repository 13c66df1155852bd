"""A converted model as a file for other tools."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snnc.backends import netx, nir
from snnc.ir import file as snnc_file
from snnc.ir.arrays import FloatArray
from snnc.ir.errors import DataError, UnsupportedByTarget, WrongUsage
from snnc.ir.graph import structurally_equal
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.verify.derivation import made_again

SUFFIXES = {"nir": ".nir", "netx": ".net"}


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written.

    Attributes:
        output: the file.
        format: `nir` or `netx`.
        n_nodes, n_edges: of the graph in it; for netx layers, and those with weights.
        dt: seconds of a frame in it, None for netx.
        reset: what a spike leaves of the membrane in it, None where nothing resets; netx says
            nothing of it, Loihi's neurons go to zero.
        notes: what the file does not hold exactly, one sentence each.
    """

    output: Path
    format: str
    n_nodes: int
    n_edges: int
    dt: float | None
    reset: str | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc export --json`."""
        result: dict[str, Any] = jsonable(asdict(self))
        return result


def export(
    model: Model | str | os.PathLike[str],
    *,
    format: str = "nir",
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Export:
    """Write a converted model's integer form for other tools.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        format: `nir` or `netx` (lava-dl's `.net` files).
        output: the file; None: the model's stem in the current folder.
        force: overwrite what is there.

    Raises:
        UnsupportedByTarget: something in the graph has no form there.
        DataError: the file does not say how its integer form was made, or not truly.
        OutputExists: the output is there.
        WrongUsage: an unknown format.
    """
    if format not in SUFFIXES:
        raise WrongUsage(f"--format is one of {', '.join(SUFFIXES)}, not `{format}`")
    model = model if isinstance(model, Model) else load(model)
    if output is None and model.path is None:
        raise WrongUsage("a model that was not saved has no name to name the output after")
    path = (
        Path(output) if output is not None else Path(Path(str(model.path)).stem + SUFFIXES[format])
    )
    snnc_file.check_output(path, force=force)
    return (_as_netx if format == "netx" else _as_nir)(model, path, force)


def _as_netx(model: Model, path: Path, force: bool) -> Export:
    timing = (model.manifest.get("provenance") or {}).get("timing")
    made = netx.build(model.integer_graph, timing=timing)
    netx.write(path, made, force=force)
    return Export(
        output=path,
        format="netx",
        n_nodes=len(made.layers),
        n_edges=made.n_edges,
        dt=None,
        reset=None,
        notes=made.notes,
    )


def _as_nir(model: Model, path: Path, force: bool) -> Export:
    if model.float_graph.form != "float":
        raise UnsupportedByTarget(
            "NIR's neurons are written from their float form, and this model has none",
            hint="it was read from a .net file: --format netx writes one",
        )
    provenance = model.manifest.get("provenance") or {}
    made = nir.build(
        model.integer_graph, model.float_graph, _membrane_steps(model), dt=provenance.get("dt")
    )
    nir.write(path, made, force=force)
    return Export(
        output=path,
        format="nir",
        n_nodes=len(made.nodes),
        n_edges=len(made.edges),
        dt=made.metadata["snnc_dt"],
        reset=made.metadata.get("snnc_reset"),
        notes=tuple(made.notes),
    )


def _membrane_steps(model: Model) -> Mapping[str, FloatArray]:
    """Real value of integer 1 of every membrane: found again, as no file holds it."""
    bits = model.manifest.get("weight_bits")
    if not isinstance(bits, int):
        raise DataError("the file does not say how its integer form was made")
    form = made_again(model, bits)
    if not structurally_equal(form.graph, model.integer_graph):
        raise DataError(
            "the file's integer form does not follow from its float form",
            hint="convert the model again",
        )
    return form.membrane_steps
