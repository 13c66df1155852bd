"""What `snnc.quantize` gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.converter.quantize import LayerError
from snnc.converter.sources import InputGrid
from snnc.runtime.jsonable import jsonable


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantization:
    """A quantised network and what quantising cost.

    Attributes:
        model: the network: a `torch.nn.Module` with `snnc.nn.IntegerActivation`s, or an
            `onnx.ModelProto` for sources that are no PyTorch program.
        output: the file that was written, a SOURCE for `snnc convert`; None if none was asked
            for.
        method: how ranges were chosen.
        layers: each integer activation and its error.
        input_grid: of the network's input; None where it has none.
        n_samples: samples that ranges were taken from.
        n_test: samples that errors and accuracies were measured on.
        accuracy_before: of the float network; None without labels or classes.
        accuracy_calibrated: of the quantised network before fine-tuning; None without labels or
            classes.
        accuracy_after: of the network that is given; None without labels or classes.
        agreement: share of samples for which float and given network predict the same class.
        losses: mean cross-entropy of each epoch of fine-tuning.
        notes: what the user should know, one sentence each.
        seconds: that it took.
    """

    model: Any
    output: Path | None
    method: str
    layers: tuple[LayerError, ...]
    input_grid: InputGrid | None
    n_samples: int
    n_test: int
    accuracy_before: float | None
    accuracy_calibrated: float | None
    accuracy_after: float | None
    agreement: float | None
    losses: tuple[float, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc quantize --json`."""
        shown = {name: value for name, value in vars(self).items() if name != "model"}
        result: dict[str, Any] = jsonable(
            {
                **shown,
                "n_layers": len(self.layers),
                "levels": {layer.name: layer.levels for layer in self.layers},
            }
        )
        return result

    def render(self) -> list[Any]:
        """The tables that a person reads."""
        from snnc.runtime.tables import key_values, table

        heads = ("layer", "D", "step", "clipped", "SQNR dB", "error so far", "mean count")
        rows = [
            (
                layer.name,
                layer.levels,
                layer.step,
                f"{layer.clipped_share:.2%}",
                layer.sqnr_db,
                None if layer.relative_error is None else f"{layer.relative_error:.1%}",
                layer.mean_count,
            )
            for layer in self.layers
        ]
        grid = self.input_grid
        shown = {
            "written": self.output and str(self.output),
            "method": self.method,
            "input": grid and f"{grid.lo} .. {grid.hi} of {grid.step:.4g}",
            "samples": self.n_samples,
            "accuracy before": _percent(self.accuracy_before),
            "accuracy calibrated": _percent(self.accuracy_calibrated) if self.losses else None,
            "accuracy after": _percent(self.accuracy_after),
            "predictions unchanged": _percent(self.agreement),
        }
        return [table(heads, rows), key_values(shown)]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"
