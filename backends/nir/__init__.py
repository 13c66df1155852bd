"""NIR: files for other simulators and chips; what NIR cannot express is refused by name."""

from snnc.backends.nir.build import NirFile, build
from snnc.backends.nir.write import write

__all__ = ["NirFile", "build", "write"]
