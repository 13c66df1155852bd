"""The event engine: a compiled event-driven simulator."""

from snnc.backends.base import Backend, Target
from snnc.backends.event.engine import EventEngine
from snnc.ir.limits import SIM

SIMULATORS = Target(name="sim", limits=SIM, description="the simulators: event, dense, oracle")

backend = Backend(name="event", engine=EventEngine(), targets=(SIMULATORS,))

__all__ = ["SIMULATORS", "EventEngine", "backend"]
