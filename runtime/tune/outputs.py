"""What tuning writes: the winner, its quantised network, tables and figures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.backends.registry import get_target
from snnc.ir.errors import OutputExists, WrongUsage
from snnc.ir.file import atomic_path, check_outputs
from snnc.runtime.compare import Comparison
from snnc.runtime.compare.facade import WRITERS, comparison_of, write_comparison
from snnc.runtime.figures import check_folder
from snnc.runtime.npz import check_suffix
from snnc.runtime.tune.grid import Setting
from snnc.runtime.tune.search import Found
from snnc.runtime.tune.workshop import Workshop

DEFAULT_OUTPUT = Path()
"""As `output`: the source's stem with `-tuned.snnc` in the current folder."""
_MODEL = ".snnc"
_NETWORKS = (".pt", ".onnx")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files to write.

    Attributes:
        model: the winner's `.snnc`.
        network: the winner's quantised network, a SOURCE.
        tables: of the grid, as `snnc.compare` writes them.
        figures: folder for plots.
        force: overwrite.
    """

    model: Path | None
    network: Path | None
    tables: tuple[Path, ...]
    figures: Path | None
    force: bool

    @classmethod
    def of(
        cls,
        source: Any,
        output: Sequence[str | os.PathLike[str]],
        figures: str | os.PathLike[str] | None,
        target: str,
        *,
        force: bool,
    ) -> Outputs:
        """Checked before the work begins.

        Raises:
            WrongUsage: a name of no kind of file that can be written, or two of one kind.
            OutputExists: one is there and `force` is false.
        """
        paths = [_named(source, Path(path)) for path in output]
        for path in paths:
            check_suffix(path, (_MODEL, *_NETWORKS, *WRITERS))
        check_outputs(paths, force=force)
        if figures is not None:
            check_folder(Path(figures), force=force)
        model = _only(paths, (_MODEL,))
        chip = get_target(target)
        if model is not None and chip.bundle and not force:
            bundle = model.with_suffix(f".{chip.name}")
            if os.path.lexists(bundle):
                raise OutputExists(
                    "the output is there already", where=str(bundle), hint="use --force"
                )
        return cls(
            model=model,
            network=_only(paths, _NETWORKS),
            tables=tuple(path for path in paths if path.suffix in WRITERS),
            figures=None if figures is None else Path(figures),
            force=force,
        )

    @property
    def journal(self) -> Path | None:
        """Where measurements are kept on the way; None where nothing is written."""
        first = next(iter([*filter(None, (self.model, self.network)), *self.tables]), None)
        return None if first is None else first.with_name(f"{first.name}.part")

    def check_network(self, workshop: Workshop, *, own_levels: bool) -> None:
        """Refuse a quantised network where there is none, or one of another kind.

        Raises:
            WrongUsage: such a file is asked for.
        """
        if self.network is None:
            return
        if own_levels:
            raise WrongUsage(
                "the source's activations are integers: it is the network that was converted",
                where=str(self.network),
            )
        check_suffix(self.network, (workshop.suffix,))

    def write_winner(self, workshop: Workshop, best: Setting) -> list[Path]:
        """The model and the network; returns what was written, a chip's bundle among it."""
        written: list[Path] = []
        if self.model is not None:
            made = workshop.model(best, self.model)
            written += [path for path in (made.output, made.bundle) if path is not None]
        if self.network is not None:
            assert best.levels is not None
            with atomic_path(self.network, force=self.force) as temporary:
                shutil.copyfile(workshop.quantised_file(best.levels), temporary)
            written.append(self.network)
        return written


def _named(source: Any, path: Path) -> Path:
    if path != DEFAULT_OUTPUT:
        return path
    if not isinstance(source, str | os.PathLike):
        raise WrongUsage("a module has no file name to name the output after")
    return Path(f"{Path(source).stem}-tuned{_MODEL}")


def _only(paths: Sequence[Path], suffixes: tuple[str, ...]) -> Path | None:
    found = [path for path in paths if path.suffix in suffixes]
    if len(found) > 1:
        raise WrongUsage(f"there is one winner, so one file {' or '.join(suffixes)}, not two")
    return found[0] if found else None


def compare_reports(found: Found, outputs: Outputs) -> Comparison:
    """The grid side by side; writes its tables and figures."""
    side_by_side = comparison_of([(each, str(each["model"])) for each in found.reports.values()])
    return write_comparison(side_by_side, outputs.tables, outputs.figures, force=outputs.force)
