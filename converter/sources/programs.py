"""Loading torch.export programs: `.pt2` files and the program inside a `save_model` file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from snnc.converter.sources.archive import open_archive
from snnc.converter.sources.export import first_lines
from snnc.converter.sources.normalise import silence
from snnc.converter.sources.screen import screen_program
from snnc.ir.errors import CannotLoad

if TYPE_CHECKING:
    from torch.export import ExportedProgram


_QUANTISED = b"quantized_decomposed"


def register_quantised() -> None:
    """Make known to PyTorch the operators that torchao's PT2E leaves in a program."""
    with silence():
        import torch.ao.quantization.fx._decomposed  # noqa: F401


def load_program(data: bytes, where: str, *, trust: bool = False) -> ExportedProgram:
    """Load a torch.export archive without running code from it.

    Args:
        data: the archive.
        where: the file's name, for errors.
        trust: skip the checks of `screen_program`.

    Raises:
        DamagedFile: truncated, or not such an archive.
        UnsafePickle: loading would run code, and `trust` is not set.
        CannotLoad: PyTorch refuses it.
    """
    import torch

    import snnc.converter.sources.spiking.torchop  # noqa: F401  (its operators may be called)

    with open_archive(data, where) as archive:
        if any(name.endswith("serialized_exported_program.json") for name in archive.namelist()):
            raise CannotLoad(
                "the program was saved by PyTorch 2.7 or older",
                where=where,
                hint="export and save it again with a current PyTorch",
            )
        if not trust:
            screen_program(archive, where)
    if _QUANTISED in data:
        register_quantised()
    try:
        with silence():
            program = torch.export.load(io.BytesIO(data))
    except Exception as error:  # a hostile graph can fail anywhere in the loader
        raise CannotLoad(
            f"PyTorch cannot load the exported program: {first_lines(error)}",
            where=where,
            hint="it must have been saved by a PyTorch as old as this one or older",
        ) from error
    # guards are source code that .module() would compile; shapes are checked by snnc itself
    program._guards_code = []
    return program
