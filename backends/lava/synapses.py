"""Projections as Lava's own synapse processes, weights exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.lava.limits import WEIGHT_BITS, WIDEST_WEIGHT_BITS
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.text import Call, quoted
from snnc.ir.arrays import Array, bits
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.maps.windows import window_shape
from snnc.ir.nodes import Population

MatrixWriter = Callable[[Plan, LinearMap, str], str]


@dataclass(frozen=True)
class Synapses:
    """One synapse process and how its ports are reached.

    Attributes:
        suffix: of its identifier, where a projection has more than one.
        call: its constructor.
        before: port operations on the source's `s_out`.
        after: port operations on its own `a_out`.
        helpers: functions of the bundle's synapses.py that the call uses.
    """

    suffix: str
    call: Call
    before: str
    after: str
    helpers: tuple[str, ...] = ()


def synapses_of(plan: Plan, p: Projection, key: str) -> list[Synapses]:
    """The processes of a projection.

    Raises:
        UnsupportedByTarget: its weights are wider than two synapses carry.
    """
    target = plan.graph.nodes[p.target]
    if isinstance(target, Population) and target.model.combine == "max":
        return [_maximum(plan, p, key)]
    if _lava_conv_fits(plan, p):
        return [_conv(plan, p, key)]
    width = weight_width(p)
    if width <= WEIGHT_BITS:
        return [_exact(plan, p, key)]
    if width <= WIDEST_WEIGHT_BITS:
        return _two_bytes(plan, p, key)
    raise UnsupportedByTarget(
        f"weights need {width} bits, two synapses carry {WIDEST_WEIGHT_BITS}",
        where=target.module_path or target.name,
        hint="convert with fewer --weight-bits",
    )


def weight_width(p: Projection) -> int:
    """Two's complement width of a projection's weights."""
    weight = p.map.weight
    return bits(int(weight.min(initial=0)), int(weight.max(initial=0)))


def message_bits(plan: Plan, source: str) -> int:
    """Bits of a source's events; 0 means binary spikes to Lava.

    A chip with graded spikes gets one bit for binary spikes: the numbers are the same, and Lava's
    simulation of sparse synapses is twice as fast that way.
    """
    r = plan.ranges[source]
    if plan.code_of(source) != "burst":
        return r.payload_bits
    if int(r.out_lo.min()) < 0:
        return 2
    return 0 if plan.limits.payload_bits == 0 else 1


def _exact(plan: Plan, p: Projection, key: str) -> Synapses:
    """8-bit weights W as 2 W with exponent -1: Lava keeps only even weights of mixed sign."""
    if isinstance(p.map, Dense) and not p.map.lead and p.gather is None:
        weight = plan.store(f"{key}.weight", p.map.weight.astype(np.int32))
        return _process(plan, p, "Dense", f"2 * {weight}", p.exponent - 1, "MIXED")
    matrix, helpers = _matrix(plan, p, key)
    return _process(plan, p, "Sparse", f"2 * {matrix}", p.exponent - 1, "MIXED", helpers=helpers)


def _two_bytes(plan: Plan, p: Projection, key: str) -> list[Synapses]:
    """Wider weights as 256 * high + low: two processes whose currents add up."""
    matrix, helpers = _matrix(plan, p, key)
    low = _process(
        plan, p, "Sparse", f"low_byte({matrix})", p.exponent, "EXCITATORY",
        helpers=(*helpers, "low_byte"), suffix="low",
    )  # fmt: skip
    high = _process(
        plan, p, "Sparse", f"2 * high_byte({matrix})", p.exponent + 8 - 1, "MIXED",
        helpers=(*helpers, "high_byte"), suffix="high",
    )  # fmt: skip
    return [low, high]


def _process(
    plan: Plan,
    p: Projection,
    kind: str,
    weights: str,
    exponent: int,
    sign_mode: str,
    helpers: tuple[str, ...] = (),
    suffix: str = "",
) -> Synapses:
    arguments = {
        "name": quoted(f"{p.name} ({suffix} byte)" if suffix else p.name),
        "weights": weights,
        "weight_exp": repr(exponent),
        "num_weight_bits": repr(WEIGHT_BITS),
        "sign_mode": f"SignMode.{sign_mode}",
        "num_message_bits": repr(message_bits(plan, p.source)),
    }
    call = Call(f"lava.proc.{kind.lower()}.process", kind, arguments)
    return Synapses(suffix, call, *_flat_ports(plan, p), helpers)


def _maximum(plan: Plan, p: Projection, key: str) -> Synapses:
    matrix, helpers = _matrix(plan, p, key)
    arguments = {"name": quoted(p.name), "connections": matrix}
    call = Call("processes.max_synapses", "MaxSynapses", arguments)
    if plan.settings.sends_changes:
        arguments |= {
            "start": f"START[{quoted(p.source)}]",
            "window": "WINDOW",
            "period": "PERIOD",
            "keeps": "frames_per_sample",
        }
        call = Call("processes.max_synapses", "MaxChanges", arguments)
    return Synapses("", call, *_flat_ports(plan, p), helpers)


def _lava_conv_fits(plan: Plan, p: Projection) -> bool:
    """Lava's Conv: two spatial axes, the same padding on both sides, stored weights of 8 bits."""
    return (
        plan.conv == "conv"
        and isinstance(p.map, Conv)
        and len(p.map.in_shape) == 3
        and p.gather is None
        and _same_extent(p.map)
        and weight_width(p) <= WEIGHT_BITS
    )


def _same_extent(conv: Conv) -> bool:
    """Is the padding of the second side as good as that of the first?

    It is where strides leave out what more padding would add.
    """
    alike = tuple((before, before) for before, _ in conv.padding)
    extent = window_shape(conv.in_shape[1:], conv.kernel, conv.stride, alike, conv.dilation)
    return extent == conv.out_shape[1:]


def _conv(plan: Plan, p: Projection, key: str) -> Synapses:
    """Lava's Conv flips its kernel, runs over (W, H, C) and ignores weight exponents."""
    conv = p.map
    assert isinstance(conv, Conv)
    kernel = np.flip(conv.weight, axis=(2, 3)).transpose(0, 3, 2, 1)
    weight = plan.store(f"{key}.weight", (kernel << p.exponent).astype(np.int32))
    arguments = {
        "name": quoted(p.name),
        "weight": weight,
        "input_shape": repr(conv.in_shape[::-1]),
        "padding": repr(tuple(before for before, _ in conv.padding[::-1])),
        "stride": repr(conv.stride[::-1]),
        "dilation": repr(conv.dilation[::-1]),
        "groups": repr(conv.groups),
        "num_message_bits": repr(message_bits(plan, p.source)),
    }
    call = Call("lava.proc.conv.process", "Conv", arguments)
    source, target = plan.graph.nodes[p.source].shape, _target_shape(plan, p)
    before = _reshape(source, conv.in_shape) + ".transpose([2, 1, 0])"
    after = ".transpose([2, 1, 0])" + _reshape(conv.out_shape, target)
    return Synapses("", call, before, after)


def _matrix(plan: Plan, p: Projection, key: str) -> tuple[str, tuple[str, ...]]:
    """Source text of a projection's sparse matrix, and the helpers that it uses."""
    writer, helper = MATRICES[type(p.map)]
    expression = f"{helper}({writer(plan, p.map, key)})"
    if p.gather is None:
        return expression, (helper,)
    gather = plan.store(f"{key}.gather", p.gather)
    size = plan.graph.nodes[p.source].size
    return f"taken_from({expression}, {gather}, {size})", (helper, "taken_from")


def _conv_arguments(plan: Plan, map_: LinearMap, key: str) -> str:
    assert isinstance(map_, Conv)
    window = f"stride={map_.stride}, padding={map_.padding}, dilation={map_.dilation}"
    groups = f", groups={map_.groups}" if map_.groups > 1 else ""
    return f"{_stored(plan, map_, key)}, in_shape={map_.in_shape}, {window}{groups}"


def _pool_arguments(plan: Plan, map_: LinearMap, key: str) -> str:
    assert isinstance(map_, SumPool)
    window = f"window={map_.kernel}, stride={map_.stride}, padding={map_.padding}"
    return f"{_stored(plan, map_, key)}, in_shape={map_.in_shape}, {window}"


def _identity_arguments(plan: Plan, map_: LinearMap, key: str) -> str:
    assert isinstance(map_, Identity)
    axis = f", channel_axis={map_.channel_axis}" if map_.weight.ndim else ""
    return f"{_stored(plan, map_, key)}, {map_.shape}{axis}"


def _dense_arguments(plan: Plan, map_: LinearMap, key: str) -> str:
    assert isinstance(map_, Dense)
    return f"{_stored(plan, map_, key)}" + (f", lead={map_.lead}" if map_.lead else "")


def _listed_arguments(plan: Plan, map_: LinearMap, key: str) -> str:
    assert isinstance(map_, Sparse)
    indptr = plan.store(f"{key}.indptr", map_.indptr)
    targets = plan.store(f"{key}.targets", map_.targets)
    return f"{_stored(plan, map_, key)}, {indptr}, {targets}, n_out={map_.out_size}"


def _stored(plan: Plan, map_: LinearMap, key: str) -> str:
    weight: Array = map_.weight.astype(np.int32)
    return plan.store(f"{key}.weight", weight)


MATRICES: Mapping[type[LinearMap], tuple[MatrixWriter, str]] = {
    Conv: (_conv_arguments, "conv_matrix"),
    SumPool: (_pool_arguments, "pool_matrix"),
    Identity: (_identity_arguments, "diagonal_matrix"),
    Dense: (_dense_arguments, "dense_matrix"),
    Sparse: (_listed_arguments, "listed_matrix"),
}


def _flat_ports(plan: Plan, p: Projection) -> tuple[str, str]:
    source, target = plan.graph.nodes[p.source], _target_shape(plan, p)
    before = ".flatten()" if len(source.shape) > 1 else ""
    return before, _reshape((p.map.out_size,), target)


def _reshape(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    return "" if have == want else f".reshape({want})"


def _target_shape(plan: Plan, p: Projection) -> tuple[int, ...]:
    return plan.graph.nodes[p.target].port_shape(p.port)
