"""Stand-ins for torchvision and torchaudio, which the peers import but do not use here.

Their packages do not load beside a CPU build of PyTorch.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import ClassVar

NAMES = [
    *("torchvision", "torchaudio", "torchaudio.functional", "torchaudio.transforms"),
    *(f"torchvision.{part}" for part in ("models", "ops", "utils", "datasets", "transforms")),
    *("torchvision.datasets.utils", "torchvision.datasets.folder"),
    "torchvision.transforms.functional",
]


class _Anything(types.ModuleType):
    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def install() -> None:
    """Put the stand-ins where `import` finds them."""
    for name in NAMES:
        module = _Anything(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
