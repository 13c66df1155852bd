"""The Lava environment, or a reason why there is none."""

from __future__ import annotations

import pytest

from snnc.backends.lava.environment import Environment, find_environment
from tests.needs import missing


@pytest.fixture
def lava() -> Environment:
    environment = find_environment()
    if environment is None:
        missing("lava", "the Lava environment is not set up (`snnc targets setup loihi`)")
    return environment
