"""A float ResNet-20, quantised by calibration, converts and verifies; 94 of 100 images before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import needs

pytestmark = [pytest.mark.torch, pytest.mark.data]
torch = needs.module("torch")

import snnc  # noqa: E402
from snnc.converter.sources import SourceModel, load_source  # noqa: E402
from snnc.runtime.data import DataSet  # noqa: E402
from tests.systems import resnet20  # noqa: E402
from tests.systems.support import check  # noqa: E402

CORRECT = {4: 80, 8: 88, 15: 92, 31: 93, 255: 93}
"""Images of 100 that a network with D levels still gets right, at least."""


@pytest.fixture(scope="module")
def data() -> DataSet:
    x, y = resnet20.images()
    return DataSet(name="cifar", x=x, y=y)


@pytest.fixture(scope="module")
def source(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> SourceModel:
    """The float network, loaded once."""
    path = tmp_path_factory.mktemp("resnet20") / "float.pt"
    snnc.save_model(resnet20.trained(), data.x[:1], path, input=(0, 255))
    return load_source(path)


@pytest.mark.slow
@pytest.mark.parametrize("levels", sorted(CORRECT))
def test_accuracy(data: DataSet, source: SourceModel, levels: int) -> None:
    found = snnc.quantize(source, data, levels=levels)
    assert found.accuracy_before == 0.94
    assert found.accuracy_after is not None
    assert 100 * found.accuracy_after >= CORRECT[levels]
    assert len(found.layers) == 19
    assert all(0 < layer.mean_count < levels for layer in found.layers)


@pytest.mark.slow
def test_converts_exactly(data: DataSet, source: SourceModel, tmp_path: Path) -> None:
    found = snnc.quantize(source, data, levels=15, output=tmp_path / "integer.pt")
    assert found.output is not None
    conversion = check(load_source(found.output), data.x[:8]).conversion
    levels = conversion.summary.levels
    assert {name: d for name, d in levels.items() if name != "x"} == found.to_json()["levels"]
    spiking = snnc.run(conversion.model, data, engine="dense")
    assert spiking.accuracy is not None
    assert spiking.accuracy >= 0.91
