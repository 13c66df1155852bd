"""netx: lava-dl's `.net` files; what they cannot say is refused by name."""

from snnc.backends.netx.build import NetFile, build
from snnc.backends.netx.write import write

__all__ = ["NetFile", "build", "write"]
