"""Loading models: files, bundles, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snnc.ir.errors import BadInputFile
from snnc.runtime.model import load
from tests.runtime.models import save_model


def test_a_file(tmp_path: Path) -> None:
    model = load(save_model(tmp_path))
    assert model.bundle is None
    assert model.default_engine == "event"
    assert model.target == "sim"
    assert json.loads(json.dumps(model.to_json()))["n_synapses"] == 45


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputFile):
        load(tmp_path / "no.snnc")
    with pytest.raises(BadInputFile, match="no bundle"):
        load(tmp_path)
