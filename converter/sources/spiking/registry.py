"""Which modules of a model are spiking neurons, and who reads them.

A library is recognised by the class path of a module, so that it need not be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.ir.errors import UnsupportedOperator

if TYPE_CHECKING:
    import torch

Read: TypeAlias = "Callable[[Any], SpikingNeuron]"
Restart: TypeAlias = "Callable[[Any], None]"

PROTOCOL = "snnc_neuron"
"""A user's own module says by this method, without arguments, what it computes; its `reset()`
brings its state back to a sample's start."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """One library's spiking modules.

    Attributes:
        package: top-level package.
        title: its name in messages.
        readers: class name → what gives its neuron.
        base: classes whose other subclasses hold state that no reader knows.
        stateless: subclasses of these that hold none in evaluation mode.
        restart: brings one module's state back to a sample's start.
    """

    package: str
    title: str
    readers: dict[str, Read]
    base: frozenset[str]
    stateless: frozenset[str] = frozenset()
    restart: Restart


LIBRARIES: dict[str, Library] = {}
_UNREAD = ""


def register(library: Library) -> Library:
    """Add a library; its file is imported by `libraries`."""
    LIBRARIES[library.package] = library
    return library


def libraries() -> dict[str, Library]:
    """All libraries by package."""
    from snnc.converter.sources.spiking import (  # noqa: F401
        braincog,
        qtrick,
        sinabs,
        snntorch,
        spikingjelly,
    )

    return LIBRARIES


def neuron_of(module: torch.nn.Module, path: str) -> SpikingNeuron | None:
    """What a module computes, None where it is no spiking neuron.

    Args:
        module: any module.
        path: its path in the user's names.

    Raises:
        UnsupportedOperator: a spiking neuron that has no event form.
    """
    own = getattr(module, PROTOCOL, None)
    if own is not None:
        neuron = own()
        if not isinstance(neuron, SpikingNeuron):
            raise UnsupportedOperator(
                f"{PROTOCOL}() gives a {type(neuron).__name__}, not a SpikingNeuron", where=path
            )
        return neuron
    found = _library(module)
    if found is None:
        return None
    library, name = found
    try:
        return library.readers.get(name, _refuse)(module)
    except NotExpressible as error:
        raise UnsupportedOperator(
            f"{type(module).__name__} of {library.title} with {error} has no event form",
            where=path,
            hint="change the setting before training, or give the module a method "
            f"`{PROTOCOL}` that says what it computes",
        ) from None


class NotExpressible(Exception):
    """Raised by readers: the setting that stands against an event form."""


def _library(module: torch.nn.Module) -> tuple[Library, str] | None:
    for cls in type(module).__mro__:
        library = libraries().get(cls.__module__.partition(".")[0])
        if library is None:
            continue
        if cls.__name__ in library.readers:
            return library, cls.__name__
        if cls.__name__ in library.stateless:
            return None
        if cls.__name__ in library.base:
            return library, _UNREAD
    return None


def _refuse(module: Any) -> SpikingNeuron:
    raise NotExpressible("its own equations")


def restart(module: Any) -> None:
    """Bring a spiking module's state back to a sample's start."""
    if hasattr(module, PROTOCOL):
        module.reset()
        return
    found = _library(module)
    if found is not None:
        found[0].restart(module)
