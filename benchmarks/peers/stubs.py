"""Stand-ins for torchvision and torchaudio, which the peers import but do not use here.

Their packages do not load beside a CPU build of PyTorch.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types

NAMES = (
    "torchvision torchvision.models torchvision.transforms torchvision.transforms.functional "
    "torchvision.datasets torchvision.datasets.utils torchvision.datasets.folder torchvision.ops "
    "torchvision.utils torchaudio torchaudio.transforms torchaudio.functional"
).split()


class _Anything(types.ModuleType):
    __path__: list[str] = []

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
