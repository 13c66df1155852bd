"""From a trained model to a `.snnc` file and, for a chip, a bundle beside it."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, get_args

import snnc
from snnc.backends.base import Target
from snnc.backends.chips import chip_names, load_chip
from snnc.backends.mapping import map_graph
from snnc.backends.registry import get_target
from snnc.converter.convert import Converted, ProductOrder, convert_source
from snnc.converter.sources import GraphSource, SourceModel, SourceOptions, open_source
from snnc.ir import file as snnc_file
from snnc.ir.codes import RunSettings
from snnc.ir.errors import OutputExists, WrongUsage
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress, silent
from snnc.runtime.readers.preparation import Preparation, as_preparation
from snnc.runtime.source_options import SourceArguments, source_options
from snnc.runtime.summary import Summary, summarise

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

DEFAULT_OUTPUT = Path()
"""As `output`: the source's stem in the current folder."""
SUFFIX = ".snnc"
_STAGES = 4

FirstLayer: TypeAlias = Literal["host", "chip"]
ConvStyle: TypeAlias = Literal["sparse", "conv"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """A converted model and what came of the conversion.

    Attributes:
        file: both graphs, ONNX parts, settings and manifest.
        target: what it was converted for.
        summary: sizes.
        notes: what the user should know, one sentence each.
        seconds: that it took.
        output: the `.snnc` file that was written, None if none was asked for.
        bundle: the bundle folder that was written, None for targets without one.
    """

    file: SnncFile
    target: str
    summary: Summary
    notes: tuple[str, ...]
    seconds: float
    output: Path | None
    bundle: Path | None

    @property
    def float_graph(self) -> Graph:
        """The float form."""
        return self.file.float_graph

    @property
    def integer_graph(self) -> Graph:
        """The integer form."""
        return self.file.integer_graph

    @property
    def model(self) -> Model:
        """The converted model, ready to run."""
        return Model(
            path=self.output,
            file=self.file,
            bundle=None,
            target=self.target,
            settings=self.file.settings,
        )

    @property
    def fits(self) -> str | None:
        """Does it fit the chip: `yes`, `no` or `assumed`; None for targets without a chip file."""
        return self.model.fits

    @property
    def fit_reasons(self) -> list[dict[str, Any]] | None:
        """Why it does not fit, or fits by assumption."""
        return self.model.fit_reasons

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc convert --json`."""
        result: dict[str, Any] = jsonable(
            {
                "output": self.output,
                "bundle": self.bundle,
                "target": self.target,
                "code": self.file.settings.code,
                "schedule": self.file.settings.schedule,
                "rate": self.file.settings.rate,
                **self.summary.to_json(),
                "fits": self.fits,
                "fit_reasons": self.fit_reasons,
                "notes": self.notes,
                "graph_hash": self.integer_graph.content_hash(),
                "seconds": self.seconds,
            }
        )
        return result


def convert(
    source: SourceModel | GraphSource | torch.nn.Module | str | os.PathLike[str],
    example_inputs: Any = None,
    *,
    output: str | os.PathLike[str] | None = None,
    target: str = "sim",
    weight_bits: int | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    first_layer: FirstLayer | None = None,
    no_host: bool = False,
    product_order: ProductOrder = "fewest",
    lava_conv: ConvStyle | None = None,
    prepare: Preparation | str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **said: Unpack[SourceArguments],
) -> Conversion:
    """Convert a trained integer-activation model.

    Args:
        source: a model file, a `torch.nn.Module`, or what `load_source` made of either: it knows
            its options already, none but the conversion's own may be given.
        example_inputs: for a module: what its forward takes, samples first.
        output: `.snnc` to write; None: nothing is written.
        target: `sim`, `loihi` or another target; a chip gets a bundle beside `output`.
        weight_bits: width of integer weights, 2 to 16; None: the target's, 8.
        code: default event code of runs; None: the target's.
        schedule: default schedule of runs; None: the target's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: no ticks, subtract,
            refuse.
        first_layer: `host` or `chip`; None: on chip where the input has a grid.
        no_host: refuse whatever the host would have to compute.
        product_order: of products of three operands: `source`, or `fewest` multiplications.
        lava_conv: how a bundle writes convolutions, `sparse` or `conv`; None: sparse.
        prepare: TOML of what is done to raw data before the model takes it; kept in the `.snnc`.
        force: overwrite what is there.
        progress: is told after each stage.
        said: about the source: the keys of `SourceArguments`, such as `input_shape`.

    Raises:
        SnncError: by its subclass: source that cannot be loaded, operator without event form,
            unknown levels, width exceeded, output exists, ….
    """
    start = time.perf_counter()
    tell = progress or silent
    _check_word("first_layer", first_layer, (None, *get_args(FirstLayer)))
    _check_word("product_order", product_order, get_args(ProductOrder))
    _check_word("lava_conv", lava_conv, (None, *get_args(ConvStyle)))
    chip = get_target(target)
    settings = chip.settings.changed(
        code=code,
        schedule=schedule,
        rate_ticks=rate_ticks,
        rate_reset=rate_reset,
        rate_pools=rate_pools,
    )
    if lava_conv is not None and not chip.bundle:
        raise WrongUsage(
            f"--lava-conv is for bundles, and `{chip.name}` has none", hint="--target loihi has"
        )
    paths = _Paths.choose(source, output, chip, force=force)
    preparation = as_preparation(prepare)
    options = source_options(said, preparation)
    tell("convert", 0, _STAGES)
    loaded = as_source(source, options, example_inputs)
    tell("convert", 1, _STAGES)
    bits = _weight_bits(weight_bits, chip)
    if weight_bits is not None and _has_integers(loaded):
        raise WrongUsage("the file has integer weights, no --weight-bits can be chosen")
    converted = convert_source(
        loaded,
        weight_bits=bits,
        first_layer=first_layer,
        no_host=no_host,
        product_order=product_order,
        limits=chip.limits,
        settings=settings,
    )
    for note in converted.notes:
        _log.info("%s", note)
    tell("convert", 3, _STAGES)
    file = SnncFile(
        float_graph=converted.float_graph,
        integer_graph=converted.integer_graph,
        onnx=converted.onnx,
        settings=settings,
        manifest=_manifest(converted, loaded.provenance, chip, converted.rounding["weight_bits"])
        | _fit(converted.integer_graph, chip, settings)
        | ({} if preparation is None else {"preparation": preparation.to_json()}),
    )
    _write(file, paths, chip, lava_conv or "sparse", force=force)
    tell("convert", _STAGES, _STAGES)
    return Conversion(
        file=file,
        target=chip.name,
        summary=summarise(file),
        notes=converted.notes,
        seconds=time.perf_counter() - start,
        output=paths.output,
        bundle=paths.bundle,
    )


def as_source(
    source: Any, options: SourceOptions, example_inputs: Any
) -> SourceModel | GraphSource:
    """A source that is loaded already, or to be loaded.

    Raises:
        WrongUsage: a loaded source is given together with options.
        SnncError: by its subclass: a source that cannot be loaded.
    """
    if not isinstance(source, SourceModel | GraphSource):
        return open_source(source, options, example_inputs)
    given = (example_inputs, *vars(options).values())
    if any(value is not None and value is not False for value in given):
        raise WrongUsage("a loaded source has its inputs and options already")
    return source


def _has_integers(source: SourceModel | GraphSource) -> bool:
    return isinstance(source, GraphSource) and source.graph.form == "integer"


def _weight_bits(asked: int | None, chip: Target) -> int:
    """As asked for, or the target's usual width, no wider than a synapse of it."""
    return asked or min(chip.weight_bits, chip.limits.weight_bits or chip.weight_bits)


def _check_word(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    if value not in known:
        raise WrongUsage(f"{name} is one of {', '.join(map(repr, known))}, not {value!r}")


def _manifest(
    converted: Converted, provenance: Mapping[str, Any], target: Target, bits: int
) -> dict[str, Any]:
    manifest: dict[str, Any] = jsonable(
        {
            "written_by": f"snnc {snnc.__version__}",
            "target": target.name,
            "weight_bits": bits,
            "provenance": provenance,
            "rounding": converted.rounding,
            "notes": converted.notes,
        }
    )
    return manifest


def _fit(graph: Graph, target: Target, settings: RunSettings) -> dict[str, Any]:
    """Does a graph fit its chip, and why not; nothing for targets without a chip file."""
    if target.name not in chip_names():
        return {}
    mapping = map_graph(graph, load_chip(target.name), settings)
    return {
        "fits": mapping.fits,
        "fit_reasons": [reason.to_json() for reason in mapping.reasons],
    }


@dataclass(frozen=True)
class _Paths:
    """Where the outputs go."""

    output: Path | None
    bundle: Path | None

    @classmethod
    def choose(cls, source: Any, output: Any, target: Target, *, force: bool) -> _Paths:
        """Default names filled in, and checked before the work begins."""
        if output is None:
            return cls(None, None)
        path = Path(output)
        if path == DEFAULT_OUTPUT:
            if not isinstance(source, str | os.PathLike):
                raise WrongUsage("a module has no file name to name the output after")
            path = Path(Path(source).stem + SUFFIX)
        if path.suffix != SUFFIX:
            raise WrongUsage(
                f"cannot write `{path.name}`", hint=f"name a file that ends in {SUFFIX}"
            )
        bundle = path.with_suffix(f".{target.name}") if target.bundle else None
        snnc_file.check_output(path, force=force)
        if bundle is not None and os.path.lexists(bundle) and not force:
            raise OutputExists("the output is there already", where=str(bundle), hint="use --force")
        return cls(path, bundle)


def _write(file: SnncFile, paths: _Paths, target: Target, conv: ConvStyle, *, force: bool) -> None:
    """Write the `.snnc` and the bundle; if the bundle fails, the `.snnc` does not appear."""
    if paths.output is None:
        return
    if paths.bundle is None:
        snnc_file.save(paths.output, file, force=force)
        return
    from snnc.backends.lava.bundle import write_bundle

    with _staged(paths.output, file) as staged:
        write_bundle(
            file.integer_graph,
            paths.bundle,
            target=target.name,
            settings=file.settings,
            conv=conv,
            onnx=file.onnx,
            model=staged,
            force=force,
        )
        staged.replace(paths.output)


@contextlib.contextmanager
def _staged(path: Path, file: SnncFile) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        staged = Path(folder) / path.name
        snnc_file.save(staged, file)
        yield staged
