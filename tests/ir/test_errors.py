"""Error codes are stable and unique; messages have their parts."""

from __future__ import annotations

from snnc.ir import errors
from snnc.ir.errors import KeyMismatch, SnncError, WidthExceeded


def test_codes_are_unique() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    codes = [c.code for c in classes if issubclass(c, SnncError)]
    assert len(codes) > 20
    assert len(set(codes)) == len(codes)


def test_message_has_place_code_and_hint() -> None:
    error = WidthExceeded("too wide", where="layer1.conv", hint="fewer bits")
    assert str(error) == "layer1.conv: too wide [SNNC401]\nhint: fewer bits"
    assert error.to_json() == {
        "code": "SNNC401",
        "what": "too wide",
        "where": "layer1.conv",
        "hint": "fewer bits",
    }
    assert isinstance(error, OverflowError)


def test_key_errors_read_like_the_others() -> None:
    assert str(KeyMismatch("a.weight is missing")) == "a.weight is missing [SNNC305]"
