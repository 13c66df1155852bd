"""Random models convert, and verify finds no unexplained difference.

`make fuzz` runs 2,000 of them; the test run takes the first few.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.converter.sources import load_source
from snnc.runtime.verify import Verification

pytestmark = [pytest.mark.torch]
N_MODELS = int(os.environ.get("SNNC_FUZZ", "10"))


@pytest.mark.parametrize("seed", range(N_MODELS))
def test_random_model(seed: int, tmp_path: Path) -> None:
    from tests.fuzz.models import random_case

    case = random_case(seed)
    path, model = tmp_path / "model.pt", tmp_path / "model.snnc"
    snnc.save_model(case.model, case.x[:1], path, input=case.grid)
    source = load_source(path)
    snnc.convert(source, output=model)
    result = snnc.verify(source, model, case.x, engine=("oracle", "dense"))
    assert isinstance(result, Verification)
    assert result.ok, f"{case.model}\n{result.to_json()}"
    assert result.to_json()["n_mismatches"] == 0
    assert np.isfinite(snnc.run(model, case.x, engine="dense").outputs).all()
