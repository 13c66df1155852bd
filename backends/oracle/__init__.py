"""The oracle: the definition of what every other engine computes, tick by tick, in numpy."""

from snnc.backends.base import Backend
from snnc.backends.oracle.engine import OracleEngine

backend = Backend(name="oracle", engine=OracleEngine())

__all__ = ["OracleEngine", "backend"]
