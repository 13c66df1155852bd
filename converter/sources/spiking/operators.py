"""The operators of ONNX domain `snnc`: neurons with state, one call a frame or all frames at once.

    IntegrateFire   v = decay * v + x;  k = fire(v);  v = reset(v, k);  v = max(v, v_min)
    CurrentLIF      i = i_decay * i + x;  then as above with i for x
    Trace           s = decay * s + x, the real value s

State starts at 0. What leaves IntegrateFire and CurrentLIF is the count k as a float. Everything
linear stands outside of them as plain ONNX: a gain in front, the real value of a count behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from onnx.defs import OpSchema
    from onnx.shape_inference import InferenceContext

DOMAIN: Final = "snnc"
VERSION: Final = 1

INTEGRATE_FIRE: Final = "IntegrateFire"
CURRENT_LIF: Final = "CurrentLIF"
TRACE: Final = "Trace"
PATTERN: Final = "Pattern"
"""Gives one frame after the other of its input, a constant of shape (T, *frame)."""
MEMBRANE: Final = "Membrane"
"""What a module gives beside its spikes: it has no event form and may not be read."""

_FIRING = ("threshold", "reset_value", "v_min")
INPUTS: Final[dict[str, tuple[str, ...]]] = {
    INTEGRATE_FIRE: ("x", "decay", *_FIRING),
    CURRENT_LIF: ("x", "i_decay", "decay", *_FIRING),
    TRACE: ("x", "decay"),
    MEMBRANE: ("x",),
}
"""Inputs in order; all but x are constants, float64, that broadcast against one frame of x.
`reset_value` is read with reset `zero` alone; a `v_min` of -inf is none."""

_WHERE = {"module": str, "call": int, "time_axis": int}
_FIRE = {"reset": str, "reset_before": int, "strict": int, "rounding": str, "lo": int, "hi": int}
ATTRIBUTES: Final[dict[str, dict[str, type]]] = {
    INTEGRATE_FIRE: {**_WHERE, **_FIRE},
    CURRENT_LIF: {**_WHERE, **_FIRE},
    TRACE: dict(_WHERE),
    MEMBRANE: dict(_WHERE),
}
"""Attributes and their types.

module: the user's path of the module, which names its state.
call: which call of the module in forward() this is, from 0.
time_axis: axis of x that holds the frames; -1: one call is one frame, state stays between calls.
reset: `subtract` (k * threshold), `zero` (to reset_value) or `none`.
reset_before: 1 where a `subtract` comes one frame late and is not decayed:
    v = decay * v + x - k_before * threshold.
strict: 1 for `>` instead of `>=`.
rounding: `step` for k = v >= threshold, else k = clip(round(v / threshold), lo, hi) with
    `half_even`, `half_up` or `floor`.
lo, hi: bounds of k; hi < lo where nothing bounds it above.
"""


def register_schemas() -> None:
    """Make the operators known to onnx, so that it can check models and infer shapes."""
    from onnx import defs

    if not defs.has(PATTERN, DOMAIN):
        defs.register_schema(_pattern_schema())
    for op_type in INPUTS:
        if not defs.has(op_type, DOMAIN):
            defs.register_schema(_schema(op_type))


def _schema(op_type: str) -> OpSchema:
    from onnx import defs

    parameter, attribute = defs.OpSchema.FormalParameter, defs.OpSchema.Attribute
    kinds = {str: defs.OpSchema.AttrType.STRING, int: defs.OpSchema.AttrType.INT}
    x, *constants = INPUTS[op_type]
    schema = defs.OpSchema(
        op_type,
        DOMAIN,
        VERSION,
        inputs=[parameter(x, "T"), *(parameter(name, "R") for name in constants)],
        outputs=[parameter("y", "T")],
        type_constraints=[
            ("T", ["tensor(float)", "tensor(double)"], ""),
            ("R", ["tensor(double)"], ""),
        ],
        attributes=[
            attribute(name, kinds[kind], "", required=True)
            for name, kind in ATTRIBUTES[op_type].items()
        ],
    )
    schema.set_type_and_shape_inference_function(_same_as_x)
    return schema


def _pattern_schema() -> OpSchema:
    from onnx import defs

    parameter = defs.OpSchema.FormalParameter
    schema = defs.OpSchema(
        PATTERN,
        DOMAIN,
        VERSION,
        inputs=[parameter("frames", "T")],
        outputs=[parameter("y", "T")],
        type_constraints=[("T", ["tensor(float)", "tensor(double)"], "")],
    )
    schema.set_type_and_shape_inference_function(_one_frame)
    return schema


def _one_frame(context: InferenceContext) -> None:
    given = context.get_input_type(0)
    if given.tensor_type.shape.dim:
        del given.tensor_type.shape.dim[0]
        context.set_output_type(0, given)


def _same_as_x(context: InferenceContext) -> None:
    context.set_output_type(0, context.get_input_type(0))
