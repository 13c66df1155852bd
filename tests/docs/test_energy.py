"""docs/energy.md: the hardware file that it shows is one, and its lists are complete."""

from __future__ import annotations

import re
from pathlib import Path

from snnc.runtime.energy import check_hardware, list_hardware
from snnc.runtime.energy.figures import PART_OF, PARTS

PAGE = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")


def test_the_example_file_is_valid(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    path = tmp_path / "mychip.toml"
    path.write_text(found[1], encoding="utf-8")
    result = check_hardware(path)
    assert result.ok, result.errors


def test_every_counter_part_and_file_is_named() -> None:
    names = [*PART_OF, *PARTS, *(hardware.name for hardware in list_hardware())]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
