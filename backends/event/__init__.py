"""The event engine: a compiled event-driven simulator."""

from snnc.backends.base import Backend
from snnc.backends.event.engine import EventEngine

backend = Backend(name="event", engine=EventEngine())

__all__ = ["EventEngine", "backend"]
