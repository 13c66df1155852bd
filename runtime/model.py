"""A converted model on disk: a `.snnc` file or a bundle folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snnc.ir import file as snnc_file
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.summary import describe, summarise


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A converted model.

    Attributes:
        path: the `.snnc` file or the bundle folder; None for a model that was not saved.
        file: its content.
        bundle: the bundle folder, None for a `.snnc` file.
        target: what it was converted for.
        settings: default code and schedule; fixed in a bundle.
    """

    path: Path | None
    file: SnncFile
    bundle: Path | None
    target: str
    settings: RunSettings

    @property
    def float_graph(self) -> Graph:
        """The float form."""
        return self.file.float_graph

    @property
    def integer_graph(self) -> Graph:
        """The integer form, which engines run."""
        return self.file.integer_graph

    @property
    def manifest(self) -> dict[str, Any]:
        """Provenance and facts of the conversion."""
        return dict(self.file.manifest)

    @property
    def fits(self) -> str | None:
        """Did it fit the chip that it was converted for? None where that is unknown."""
        return self.file.manifest.get("fits")

    @property
    def fit_reasons(self) -> list[dict[str, Any]] | None:
        """Why it did not, or did by assumption."""
        return self.file.manifest.get("fit_reasons")

    @property
    def preparation(self) -> Preparation:
        """What is done to raw data before the model takes it."""
        return Preparation.from_json(self.file.manifest.get("preparation"), "preparation")

    @property
    def default_engine(self) -> str:
        """The engine of a run that names none."""
        return "lava" if self.bundle else "event"

    @property
    def graph_hash(self) -> str:
        """Content hash of the integer graph."""
        return self.integer_graph.content_hash()

    def unbundled(self) -> Model:
        """The same model without the bundle that fixes its settings."""
        return replace(self, bundle=None)

    def run_settings(
        self,
        code: str | None,
        schedule: str | None,
        rate_ticks: int | None = None,
        rate_reset: str | None = None,
        rate_pools: str | None = None,
    ) -> RunSettings:
        """The model's settings with those replaced that are not None.

        Raises:
            NotExecutable: unknown words, or others than a bundle fixes.
        """
        wanted = self.settings.changed(
            code=code,
            schedule=schedule,
            rate_ticks=rate_ticks,
            rate_reset=rate_reset,
            rate_pools=rate_pools,
        )
        if self.bundle and wanted != self.settings:
            raise NotExecutable(
                f"this bundle is fixed to {self.settings}",
                where=str(self.bundle),
                hint="run its model.snnc, or convert again with other settings",
            )
        return wanted

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc inspect --json`."""
        return {
            "path": None if self.path is None else str(self.path),
            "bundle": None if self.bundle is None else str(self.bundle),
            "target": self.target,
            "code": self.settings.code,
            "schedule": self.settings.schedule,
            "rate": None if self.settings.rate is None else self.settings.rate.to_json(),
            "name": self.integer_graph.name,
            "graph_hash": self.graph_hash,
            "fits": self.fits,
            "fit_reasons": self.fit_reasons,
            "written_by": self.manifest.get("written_by"),
            "provenance": self.manifest.get("provenance"),
            **summarise(self.file).to_json(),
            **describe(self.integer_graph),
        }


def load(path: str | os.PathLike[str]) -> Model:
    """Read a `.snnc` file or a bundle folder.

    Raises:
        BadInputFile: there is no such file or folder, or the folder is no bundle.
        DamagedFile: truncated or tampered with.
        NewerFile: written by a newer snnc.
    """
    place = Path(path)
    if not place.is_dir():
        file = snnc_file.load(place)
        target = str(file.manifest.get("target", "sim"))
        return Model(path=place, file=file, bundle=None, target=target, settings=file.settings)
    from snnc.backends.lava.bundle import read_bundle

    info = read_bundle(place)
    return Model(
        path=place,
        file=snnc_file.load(info.model),
        bundle=place,
        target=info.target,
        settings=info.settings,
    )
