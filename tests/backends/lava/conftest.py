"""The Lava environment, or a reason why there is none."""

from __future__ import annotations

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
