"""What a tensor of the model over all frames is, seen from one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Always:
    """The same at every frame: constants, inputs without frames and what is made of them.

    Attributes:
        one: name in the one-frame model.
        is_constant: an initializer.
    """

    one: str
    is_constant: bool = False


@dataclass(frozen=True)
class Sequence:
    """All frames in one tensor: T equal parts of `axis`, one after the other.

    Attributes:
        one: name in the one-frame model, where `axis` is one part long.
        axis: not negative.
        repeated: all frames are equal.
    """

    one: str
    axis: int
    repeated: bool = False


@dataclass(frozen=True)
class Frame:
    """Frame `t` of `one`."""

    one: str
    t: int


@dataclass(frozen=True)
class Reduced:
    """The sum or the mean of `one` over `frames`; the mean is over all of them."""

    one: str
    how: Literal["mean", "sum"]
    frames: frozenset[int]


View: TypeAlias = Always | Sequence | Frame | Reduced
