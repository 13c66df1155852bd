"""The Lava environment, or a reason why there is none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from snnc.backends.lava.environment import Environment, find_environment
from tests.needs import missing


@pytest.fixture
def lava() -> Environment:
    """The environment that is set up on this machine."""
    return need_lava()


def need_lava() -> Environment:
    """The same outside of fixtures."""
    environment = find_environment()
    if environment is None:
        missing("lava", "the Lava environment is not set up (`snnc targets setup loihi`)")
    return environment


def shared_memory() -> set[str]:
    """Blocks of Python's shared memory on this machine, other runs' included."""
    return {name for name in os.listdir("/dev/shm") if name.startswith("psm_")}


def leaked_memory(before: set[str]) -> set[str]:
    """Blocks that came since and that no living process holds."""
    leaked = shared_memory() - before
    for maps in Path("/proc").glob("[0-9]*/maps") if leaked else ():
        with contextlib.suppress(OSError):
            text = maps.read_text()
            leaked = {name for name in leaked if name not in text}
    return leaked & shared_memory()
