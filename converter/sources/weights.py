"""Checkpoints of weights: nested, prefixed, safe; and pickled modules, which are not."""

from __future__ import annotations

import argparse
import importlib
import io
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.converter.sources.export import first_lines
from snnc.ir.errors import CannotLoad, DamagedFile, KeyMismatch, ShapeMismatch, UnsafePickle

if TYPE_CHECKING:
    import torch

NESTED = ("model", "state_dict", "model_state_dict", "ema", "model_ema", "net", "module", "params")
"""Keys under which training scripts keep the weights, the first found wins."""
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
_SHOWN = 5


def load_pickled(data: bytes, where: str, *, trust: bool = False) -> Any:
    """What `torch.save` wrote: plain containers of tensors, or with `trust` any object.

    Raises:
        UnsafePickle: it holds more than containers of tensors and `trust` is not set.
        DamagedFile: truncated or damaged.
        CannotLoad: a trusted pickle needs code that is not importable.
    """
    import torch

    try:
        # an argparse namespace is a plain record, and many training scripts save theirs
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        if not _asks_for_code(error):
            raise _damaged(error, where) from None
    except Exception as error:  # zip, storage and unpickling errors of many classes
        raise _damaged(error, where) from None
    if not trust:
        raise UnsafePickle(
            "the file is a pickled module or object: loading it runs code from it",
            where=where,
            hint="save it with snnc.save_model(model, example_inputs, path), save its "
            "state_dict() and give --factory, or give --trust-pickle if you trust its author",
        )
    try:
        return torch.load(io.BytesIO(data), weights_only=False, map_location="cpu")
    except Exception as error:  # the pickle's own code can raise anything
        raise CannotLoad(
            f"the pickled module cannot be loaded: {first_lines(error)}",
            where=where,
            hint="its classes must be importable, for example from the current folder",
        ) from error


def _damaged(error: Exception, where: str) -> DamagedFile:
    return DamagedFile(f"the checkpoint is damaged: {first_lines(error, 1)}", where=where)


def _asks_for_code(error: pickle.UnpicklingError) -> bool:
    text = str(error)
    return any(word in text for word in ("GLOBAL", "Unsupported", "allowlisted", "safe_globals"))


def find_state(content: Any, where: str) -> tuple[dict[str, torch.Tensor], str | None]:
    """The weights in a checkpoint and the key that they stood under (None: at the top).

    Raises:
        CannotLoad: there are none.
    """
    import torch

    def is_state(value: Any) -> bool:
        return (
            isinstance(value, Mapping)
            and bool(value)
            and all(isinstance(v, torch.Tensor) for v in value.values())
        )

    if is_state(content):
        return dict(content), None
    if isinstance(content, Mapping):
        nested = [key for key in (*NESTED, *content) if is_state(content.get(key))]
        if nested:
            return dict(content[nested[0]]), nested[0]
    raise CannotLoad(
        "the checkpoint holds no weights",
        where=where,
        hint=f"weights are looked for at the top and under {', '.join(NESTED)}",
    )


def build(factory: str, where: str) -> torch.nn.Module:
    """Call a factory named as "package.module:callable".

    Raises:
        CannotLoad: there is no such callable, it fails, or it builds no module.
    """
    import torch

    module_name, _, attribute = factory.partition(":")
    if not module_name or not attribute:
        raise CannotLoad(f"--factory {factory!r} is not of the form package.module:callable")
    added = str(Path.cwd())
    sys.path.insert(0, added)
    try:
        target: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            target = getattr(target, part)
        module = target()
    except Exception as error:  # the user's own code
        raise CannotLoad(
            f"the factory {factory} fails: {type(error).__name__}: {first_lines(error)}",
            where=where,
        ) from error
    finally:
        sys.path.remove(added)
    if not isinstance(module, torch.nn.Module):
        raise CannotLoad(
            f"the factory {factory} gives a {type(module).__name__}, not a torch.nn.Module",
            where=where,
        )
    return module


def load_weights(module: torch.nn.Module, state: Mapping[str, torch.Tensor], where: str) -> None:
    """Put a checkpoint's weights into a module; every key must fit.

    Raises:
        KeyMismatch: keys are missing or unknown.
        ShapeMismatch: a weight has another shape.
    """
    expected = module.state_dict()
    found = _without_prefix(state, set(expected))
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    if missing or unknown:
        parts = [
            f"{len(keys)} {word}: {_some(keys)}"
            for word, keys in (("missing", missing), ("unknown", unknown))
            if keys
        ]
        raise KeyMismatch(
            f"the checkpoint's keys do not match the factory's module ({'; '.join(parts)})",
            where=where,
            hint="build the module exactly as it was trained",
        )
    for key, value in expected.items():
        if value.shape != found[key].shape:
            raise ShapeMismatch(
                f"weight `{key}` has shape {tuple(found[key].shape)} in the checkpoint, "
                f"{tuple(value.shape)} in the factory's module",
                where=where,
            )
    module.load_state_dict(dict(found), strict=True)


def _without_prefix(
    state: Mapping[str, torch.Tensor], expected: set[str]
) -> Mapping[str, torch.Tensor]:
    """Strip wrappers' prefixes while every key has one and the keys do not fit yet."""
    while set(state) != expected:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in state)), None)
        if prefix is None:
            break
        state = {key[len(prefix) :]: value for key, value in state.items()}
    return state


def _some(keys: list[str]) -> str:
    shown = ", ".join(f"`{key}`" for key in keys[:_SHOWN])
    return f"{shown}, …" if len(keys) > _SHOWN else shown
