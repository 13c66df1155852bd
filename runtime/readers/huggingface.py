"""`hf:NAME[:CONFIG]:SPLIT`: data sets of Hugging Face, from the Hub, a folder or a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.ir.errors import BadInputFile, DataError, MissingExtra, WrongUsage
from snnc.runtime.readers.columns import of_table
from snnc.runtime.readers.named_files import is_inside
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.samples import Samples

PREFIX = "hf:"
TABLE_SUFFIXES = (".parquet", ".arrow")
_BUILDERS = {".parquet": "parquet", ".arrow": "arrow", ".json": "json", ".jsonl": "json"}
_PART = r"[\w.-]+(?:\[[^\[\]]*\])?"
_SPEC = re.compile(
    rf"hf:(?P<name>[^:]+)(?::(?P<config>[\w.-]+))??(?::(?P<split>{_PART}(?:\+{_PART})*))?"
)
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_OF_HUB = "hf://datasets/"
_SAFE_VERSION = 4
"""Of `datasets`: earlier ones run Python code that a data set brings."""


@dataclass(frozen=True, kw_only=True)
class _Named:
    """What a user named, by part."""

    spec: str
    name: str
    config: str | None
    split: str | None

    @property
    def local(self) -> Path | None:
        """The folder or file that it names."""
        path = Path(self.name)
        return path if path.exists() else None


def open_huggingface(spec: str, preparation: Preparation) -> Samples:
    """Open a data set by its name.

    A file (`.parquet`, `.arrow`, `.json`, `.jsonl`), a folder as `datasets` takes it or as
    `save_to_disk` wrote it, or a name on the Hub. Code in data sets is not run, and no file is
    opened that is not in the folder or of the Hub.

    Raises:
        BadInputFile: it is not there, or cannot be read.
        DataError: it names files that are elsewhere, or no column is known to be the input.
        MissingExtra: `datasets` is not installed.
        WrongUsage: the name is none, or one of several splits must be said.
    """
    named = _named(spec)
    datasets = _library(spec)
    try:
        return of_table(_loaded(datasets, named), spec, preparation, _folders(datasets, named))
    except (BadInputFile, DataError, WrongUsage):
        raise
    except ConnectionError as error:
        raise BadInputFile(
            str(error), where=spec, hint="there is no way to the Hub: give a folder or a file"
        ) from error


def absolute(spec: str) -> str:
    """The same data set from another folder."""
    named = _named(spec)
    if named.local is None:
        return spec
    rest = [part for part in (named.config, named.split) if part is not None]
    return ":".join([f"{PREFIX}{named.local.absolute()}", *rest])


def _named(spec: str) -> _Named:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise WrongUsage(
            "this names no data set of Hugging Face",
            where=spec,
            hint="hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT, such as hf:ylecun/mnist:test",
        )
    return _Named(spec=spec, **found.groupdict())


def _library(spec: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra(
            "data sets of Hugging Face need the package `datasets`",
            where=spec,
            hint="pip install 'snnc[datasets]'",
        ) from error
    if int(datasets.__version__.split(".")[0]) < _SAFE_VERSION:
        raise MissingExtra(
            f"`datasets` {datasets.__version__} may run code that a data set brings",
            where=spec,
            hint="pip install 'snnc[datasets]'",
        )
    return datasets


def _loaded(datasets: Any, named: _Named) -> Any:
    path = named.local
    if path is None and not _HUB_NAME.fullmatch(named.name):
        raise BadInputFile("no such file or folder", where=named.name)
    if path is not None and path.is_file():
        return _of_file(datasets, named, path)
    if path is not None and any((path / n).is_file() for n in ("state.json", "dataset_dict.json")):
        found = _of_splits(named, _call(named, datasets.load_from_disk, str(path)))
        _check_files(datasets, named, [held["filename"] for held in found.cache_files])
        return found
    builder = _call(named, datasets.load_dataset_builder, named.name, named.config)
    splits = (builder.config.data_files or {}).values()  # a README may name any
    files = [str(file) for split in splits for file in split]
    _check_files(datasets, named, files)
    _refuse_archives(named, builder, files)
    split = named.split
    if split is None:
        names = _call(named, datasets.get_dataset_split_names, named.name, named.config)
        split = _one_split(named, names)
    _call(named, builder.download_and_prepare)
    return _call(named, builder.as_dataset, split=split)


def _folders(datasets: Any, named: _Named) -> list[Path]:
    """Where files may be that data name: the folder that the user named, and what came from Hubs.

    A file that is named by itself holds its bytes.
    """
    path = named.local
    if path is not None and path.is_file():
        return []
    from huggingface_hub.constants import HF_HUB_CACHE

    downloads = [Path(datasets.config.DOWNLOADED_DATASETS_PATH), Path(HF_HUB_CACHE)]
    return downloads if path is None else [path, *downloads]


def _check_files(datasets: Any, named: _Named, files: list[str]) -> None:
    folders = _folders(datasets, named)
    for file in files:
        of_hub = named.local is None and file.startswith(_OF_HUB)
        if not of_hub and ("://" in file or not is_inside(Path(file), folders)):
            raise DataError(
                f"it names a file that is not in the folder: {file}",
                where=named.spec,
                hint="only files in the folder that --data names are opened, and no addresses",
            )


def _refuse_archives(named: _Named, builder: Any, files: list[str]) -> None:
    """Refuse pictures and sounds in archives.

    `datasets` (5.2; its pull request 8419) takes the name of the folder that an archive is in for
    the class of all samples in it; where there is no such class it fails.
    """
    from datasets.packaged_modules.folder_based_builder.folder_based_builder import (
        FolderBasedBuilder,
    )

    archives = [file for file in files if file.lower().endswith(".zip")]
    if archives and isinstance(builder, FolderBasedBuilder):
        raise DataError(
            f"its files are in an archive, of which `datasets` takes wrong classes: {archives[0]}",
            where=named.spec,
            hint="unpack it: a folder with a folder for each class is --data FOLDER",
        )


def _of_file(datasets: Any, named: _Named, path: Path) -> Any:
    builder = _BUILDERS.get(path.suffix.lower())
    if builder is None:
        raise BadInputFile(
            "no table of a known kind", where=named.name, hint=f"known: {', '.join(_BUILDERS)}"
        )
    split = named.split or "train"  # what `datasets` calls the one split of a file
    return _call(named, datasets.load_dataset, builder, data_files=str(path), split=split)


def _of_splits(named: _Named, found: Any) -> Any:
    """What `save_to_disk` wrote: one split, or several by name."""
    if not isinstance(found, dict):
        if named.split is not None and named.split != str(found.split):
            raise BadInputFile(f"the folder holds one split, `{found.split}`", where=named.spec)
        return found
    wanted = named.split or _one_split(named, list(found))
    if wanted not in found:
        raise BadInputFile(f"no split `{wanted}`: there is {', '.join(found)}", where=named.spec)
    return found[wanted]


def _one_split(named: _Named, splits: list[str]) -> str:
    if len(splits) == 1:
        return splits[0]
    raise WrongUsage(
        f"there are several splits: {', '.join(splits)}",
        where=named.spec,
        hint=f"say one: {named.spec}:{splits[-1]}",
    )


def _call(named: _Named, function: Any, *args: Any, **more: Any) -> Any:
    try:
        return function(*args, **more)
    except ConnectionError:
        raise
    except Exception as error:  # `datasets` raises dozens of classes
        raise BadInputFile(f"`datasets` cannot read it: {error}", where=named.spec) from error
