"""ONNX files: checked, with their external data kept inside their own folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.normalise import normalise
from snnc.converter.sources.shapes import fix_input_shapes
from snnc.ir.arrays import Shape
from snnc.ir.errors import BadInputFile, DamagedFile

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 8 * 2**30
GRIDS = "snnc.inputs"
"""Metadata entry of a model that snnc wrote: the grid of each input, as JSON."""


def parse_onnx(data: bytes) -> onnx.ModelProto | None:
    """The model in `data`, None where it is no ONNX model."""
    import onnx

    try:
        model = onnx.load_from_string(data)
    except Exception:  # protobuf's DecodeError is a plain Exception, and bad UTF-8 others
        return None
    return model if model.HasField("graph") and model.opset_import else None


def declare_grids(model: onnx.ModelProto, grids: Sequence[InputGrid | None]) -> None:
    """Write the grids of the inputs into the model's metadata, in place."""
    entry = model.metadata_props.add()
    entry.key, entry.value = GRIDS, json.dumps([g.to_json() if g else None for g in grids])


def declared_grids(model: onnx.ModelProto, where: str) -> list[InputGrid | None]:
    """The grids that `declare_grids` wrote; none for files of other tools.

    Raises:
        DamagedFile: the entry is malformed.
    """
    text = next((p.value for p in model.metadata_props if p.key == GRIDS), "[]")
    try:
        return [None if g is None else InputGrid.from_json(g) for g in json.loads(text)]
    except (TypeError, ValueError, RecursionError) as error:  # DataError is one
        raise DamagedFile(f"the entry {GRIDS} is malformed ({error})", where=where) from None


def load_onnx(
    model: onnx.ModelProto, path: Path | None, input_shape: Shape | None, batch_axis: int = 0
) -> onnx.ModelProto:
    """Check, complete and normalise a parsed model.

    Args:
        model: the parsed model; changed in place.
        path: its file, where external data lies beside it.
        input_shape: fixes the shape of a model with one input whose axes are free.
        batch_axis: of its inputs.

    Raises:
        BadInputFile: external data is missing or lies outside the model's folder.
        DamagedFile, CannotLoad: the model is malformed.
        ShapeMismatch: `input_shape` does not fit, or free axes remain.
    """
    import onnx

    where = str(path) if path else "the model"
    _load_external(model, path, where)
    _import_all_domains(model)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # ValidationError, but also UnicodeDecodeError and others
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise DamagedFile(f"the ONNX model is malformed: {reason[0]}", where=where) from None
    fix_input_shapes(model, input_shape, where, batch_axis)
    return normalise(model, where)


def _import_all_domains(model: onnx.ModelProto) -> None:
    """Name every operator domain that is used; Brevitas' files leave their own out."""
    import onnx

    named = {o.domain for o in model.opset_import}
    for domain in sorted({node.domain for node in model.graph.node} - named - {"", "ai.onnx"}):
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))


def _load_external(model: onnx.ModelProto, path: Path | None, where: str) -> None:
    from onnx import TensorProto
    from onnx.external_data_helper import load_external_data_for_tensor

    external = [t for t in _tensors(model) if t.data_location == TensorProto.EXTERNAL]
    if external and path is None:
        raise BadInputFile("the model's weights lie in other files", where=where)
    for tensor in external:
        assert path is not None
        folder = path.parent.resolve()
        entries = {e.key: e.value for e in tensor.external_data}
        file = (folder / entries.get("location", "")).resolve()
        if not file.is_relative_to(folder):
            raise BadInputFile(
                f"the weights of `{tensor.name}` lie outside the model's folder", where=where
            )
        if not file.is_file() or file.stat().st_size > MAX_BYTES:
            raise BadInputFile(
                f"{file.name} with the weights of `{tensor.name}` is missing or too large",
                where=where,
            )
        try:
            load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:  # onnx raises several unrelated classes here
            raise DamagedFile(
                f"the weights of `{tensor.name}` cannot be read: {error}", where=where
            ) from None
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """All tensors of the main graph: initializers and attributes."""
    attributes = [a for node in model.graph.node for a in node.attribute]
    held = [a.t for a in attributes if a.HasField("t")]
    return [*model.graph.initializer, *held, *(t for a in attributes for t in a.tensors)]
