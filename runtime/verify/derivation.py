"""Does the integer form in the file follow from its float form?

The float form is compared with the source, the engines with each other; between the two stands the
rounding. It is deterministic, so that an integer weight, bias, threshold or step that somebody
changed shows as a difference from what the float form gives.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from snnc.converter.chip import for_chip
from snnc.converter.integer import IntegerForm, integer_form
from snnc.ir.errors import SnncError
from snnc.ir.graph import Graph, structurally_equal
from snnc.runtime.model import Model
from snnc.runtime.verify.overflow import target_limits


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """What came of it.

    Attributes:
        checked: the file says how its integer form was made.
        difference: the first part that differs, None if none does.
    """

    checked: bool
    difference: str | None = None

    @property
    def ok(self) -> bool:
        """Nothing differs."""
        return self.difference is None

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {"ok": self.ok, "checked": self.checked, "difference": self.difference}


def check_derivation(model: Model) -> Derivation:
    """Make the integer form of the file's float form and compare it with the file's."""
    bits = model.manifest.get("weight_bits")
    if model.float_graph.form != "float" or not isinstance(bits, int):
        return Derivation(checked=False)
    try:
        made = made_again(model, bits).graph
    except SnncError as error:
        return Derivation(checked=True, difference=f"it cannot be made: {error.what}")
    found = model.integer_graph
    if structurally_equal(made, found):
        return Derivation(checked=True)
    return Derivation(checked=True, difference=first_difference(found, made))


def made_again(model: Model, weight_bits: int) -> IntegerForm:
    """The integer form of the file's float form, made as it was made for the file.

    Raises:
        SnncError: by its subclass: it cannot be made.
    """
    limits, settings = target_limits(model.target), model.file.settings
    form = integer_form(
        model.float_graph, weight_bits=weight_bits, limits=limits, settings=settings
    )
    return replace(form, graph=for_chip(form.graph, limits, settings)[0])


def first_difference(found: Graph, made: Graph) -> str:
    """Name and field of the first node or projection that differs."""
    for ours, theirs, what in (
        (found.nodes, made.nodes, "node"),
        (found.projections, made.projections, "projection"),
    ):
        if set(ours) != set(theirs):
            return f"{what} {min(set(ours) ^ set(theirs))}"
        for name in ours:
            field = _differing(ours[name], theirs[name])
            if field is not None:
                return f"{what} {name}: {field}"
    return "metadata"


def _differing(a: Any, b: Any) -> str | None:
    """Dotted name of the first field in which two dataclasses differ."""
    if type(a) is not type(b):
        return "type"
    for f in fields(a):
        x, y = getattr(a, f.name), getattr(b, f.name)
        if hasattr(x, "__dataclass_fields__") and type(x) is type(y):
            inner = _differing(x, y)
            if inner is not None:
                return f"{f.name}.{inner}"
        elif isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            if not np.array_equal(x, y):
                return f.name
        elif x is not y and x != y:
            return f.name
    return None
