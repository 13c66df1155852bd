"""lava-dl's `.net` files: read with our own limits, straight into an integer event graph."""

from snnc.converter.netx.lower import is_net, read_net

__all__ = ["is_net", "read_net"]
