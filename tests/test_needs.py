"""What is absent skips a test, and fails it where SNNC_REQUIRE names it."""

from __future__ import annotations

import math

import pytest

from tests import needs


def test_a_package_that_is_there() -> None:
    assert needs.module("math") is math


@pytest.mark.parametrize(
    ("required", "outcome"),
    [("", pytest.skip.Exception), ("data,lava", pytest.skip.Exception),
     ("data,nosuchpackage", pytest.fail.Exception)],
)  # fmt: skip
def test_a_package_that_is_not(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package is named by its first part."""
    monkeypatch.setenv("SNNC_REQUIRE", required)
    with pytest.raises(outcome, match=r"nosuchpackage\.part cannot be imported"):
        needs.module("nosuchpackage.part")
