"""The error tree of snnc.

Every error that a user can meet is an `SnncError`: *what* went wrong, *where* in the user's own
names, and a *hint* how to go on. The parts are kept apart; the sentence is composed late. Codes
are stable: scripts may depend on them. Each class also inherits the nearest builtin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar


class SnncError(Exception):
    """Root of all named errors.

    Args:
        what: one sentence without a full stop.
        where: the place in the user's names (file, layer, option), if there is one.
        hint: what the user can do about it.
    """

    code: ClassVar[str] = "SNNC100"

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\nhint: {self.hint}" if self.hint else ""
        return f"{place}{self.what} [{self.code}]{hint}"

    def to_json(self) -> dict[str, str | None]:
        """The object that `--json` prints under the key `error`."""
        return {"code": self.code, "what": self.what, "where": self.where, "hint": self.hint}


class WrongUsage(SnncError, ValueError):
    """A command line or an argument is not one that the command takes."""

    code = "SNNC001"


class UnexpectedError(SnncError, RuntimeError):
    """An error that snnc did not foresee: a bug in snnc, or the machine's limits."""

    code = "SNNC002"


class Interrupted(SnncError, RuntimeError):
    """The user stopped the command (Ctrl-C)."""

    code = "SNNC003"


class GraphError(SnncError, ValueError):
    """An event graph is not well-formed."""

    code = "SNNC101"


class PassFailed(SnncError, RuntimeError):
    """A pass was asked for a graph that it cannot work on."""

    code = "SNNC102"


class DamagedFile(SnncError, OSError):
    """A file is truncated, tampered with, or not what its name says."""

    code = "SNNC201"


class NewerFile(SnncError, OSError):
    """A file was written by a newer format version than this snnc reads."""

    code = "SNNC202"


class OutputExists(SnncError, FileExistsError):
    """An output is there already and `--force` was not given."""

    code = "SNNC203"


class BadInputFile(SnncError, OSError):
    """An input file is missing or cannot be read."""

    code = "SNNC204"


class OtherRun(SnncError, ValueError):
    """A run cannot go on, as its model, data or settings are not those that it began with."""

    code = "SNNC205"


class DiskFull(SnncError, OSError):
    """There is no space left to write to."""

    code = "SNNC206"


class UnsupportedOperator(SnncError, NotImplementedError):
    """An operator of the source has no event form (yet)."""

    code = "SNNC301"


class NeedsHost(UnsupportedOperator):
    """Operators have no event form, and nothing may stay on the host."""

    code = "SNNC316"


class UnknownLevels(SnncError, ValueError):
    """Nothing in the source bounds an integer activation, so D is unknown."""

    code = "SNNC302"


class LevelsConflict(SnncError, ValueError):
    """`--levels` contradicts what the source says."""

    code = "SNNC303"


class UnsafePickle(SnncError, PermissionError):
    """A pickled module would run its own code on load."""

    code = "SNNC304"


class KeyMismatch(SnncError, KeyError):
    """A checkpoint and the module that the factory builds have different keys."""

    code = "SNNC305"

    __str__ = SnncError.__str__  # KeyError would print the repr


class BadWeights(SnncError, ValueError):
    """A weight is NaN or infinite."""

    code = "SNNC306"


class ShapeMismatch(SnncError, ValueError):
    """A shape is not the one that the model takes."""

    code = "SNNC307"


class CannotLoad(SnncError, ValueError):
    """A source cannot be loaded as any known kind of model."""

    code = "SNNC308"


class ExportFailed(SnncError, RuntimeError):
    """PyTorch could not export the model to ONNX."""

    code = "SNNC309"


class NeedsInputGrid(SnncError, ValueError):
    """The input is analog and nothing declares a grid for it."""

    code = "SNNC310"


class NotMonotone(SnncError, ValueError):
    """An activation is no non-decreasing staircase of its input."""

    code = "SNNC311"


class NothingToQuantize(SnncError, ValueError):
    """A network has no float activation that an integer one could replace."""

    code = "SNNC312"


class NeedsAssumption(SnncError, ValueError):
    """A source's format leaves open what its numbers mean, and no option says it."""

    code = "SNNC314"


class FramesMeet(SnncError, ValueError):
    """Frames of a sample meet in an operator, where only neurons may carry state."""

    code = "SNNC313"


class CalledTwice(SnncError, ValueError):
    """A module with state is called more than once in a frame."""

    code = "SNNC315"


class WidthExceeded(SnncError, OverflowError):
    """A membrane, a tick's current or a payload can pass the width that carries it."""

    code = "SNNC401"


class PatternEnds(SnncError, ValueError):
    """A run has more frames than a pattern that the model holds."""

    code = "SNNC402"


class StateExceeded(SnncError, OverflowError):
    """In a run a neuron's state passed the width that it is checked for."""

    code = "SNNC403"


class UnknownBackend(SnncError, LookupError):
    """No backend, engine or target of that name is installed."""

    code = "SNNC502"


class NotExecutable(SnncError, NotImplementedError):
    """A backend cannot run this graph or this setting."""

    code = "SNNC503"


class MissingExtra(SnncError, ImportError):
    """A part of snnc needs packages that are not installed."""

    code = "SNNC504"


class ChildFailed(SnncError, RuntimeError):
    """A subprocess ended with an error."""

    code = "SNNC505"


class TimeLimit(SnncError, TimeoutError):
    """A subprocess ran past its time limit and was stopped."""

    code = "SNNC506"


class UnsupportedByTarget(SnncError, NotImplementedError):
    """A target lacks what the graph needs."""

    code = "SNNC507"


class DataError(SnncError, ValueError):
    """A data set does not fit the model or cannot be used."""

    code = "SNNC601"


class UnknownHardware(SnncError, LookupError):
    """No hardware file of that name exists, or a hardware file is malformed."""

    code = "SNNC701"


class BudgetUnreachable(SnncError, ValueError):
    """No setting that was tried keeps the accuracy that was asked for."""

    code = "SNNC702"


def error_from_json(value: Mapping[str, str | None]) -> SnncError:
    """The error that another process described by `SnncError.to_json`."""
    classes = {kind.code: kind for kind in _tree(SnncError)}
    kind = classes.get(str(value["code"]), SnncError)
    return kind(str(value["what"]), where=value["where"], hint=value["hint"])


def _tree(kind: type[SnncError]) -> Iterator[type[SnncError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
