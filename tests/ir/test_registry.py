"""Registries refuse duplicates and suggest near names."""

from __future__ import annotations

import pytest

from snnc.ir.registry import Registry, did_you_mean


class Apple:
    kind = "apple"


class Other:
    kind = "apple"


def test_a_kind_is_registered_once() -> None:
    registry: Registry[object] = Registry("fruit")
    assert registry.register(Apple) is Apple
    with pytest.raises(ValueError, match="`?apple`?.* twice"):
        registry.register(Other)
    assert dict(registry) == {"apple": Apple}


def test_unknown_kinds_suggest_near_ones() -> None:
    registry: Registry[object] = Registry("fruit")
    registry.register(Apple)
    with pytest.raises(LookupError, match="unknown fruit `aple`; did you mean `apple`"):
        registry.find("aple", LookupError)
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"
