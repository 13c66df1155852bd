"""What tests ask of a page in the browser."""

from __future__ import annotations

import json
from typing import Any

from tests.browser import Browser

_UNITS = {"pJ": 1.0, "nJ": 1e3, "µJ": 1e6, "mJ": 1e9, "J": 1e12, "%": 0.01, "×": 1.0, "s": 1.0}


def at(value: Any, path: list[Any]) -> Any:
    for key in path:
        value = value[key]
    return value


def check_numbers(browser: Browser, value: dict[str, Any]) -> set[str]:
    """Every number that is marked is the one of the JSON, as exactly as its digits say."""
    marked = browser.run(
        "[...document.querySelectorAll('[data-path]')].map((e) =>"
        "[e.dataset.path, e.dataset.over ?? null, e.dataset.format, e.textContent])"
    )
    for path, over, kind, text in marked:
        wanted = at(value, json.loads(path)) / (at(value, json.loads(over)) if over else 1)
        digits, _, unit = text.partition(" ")
        assert unit in {"count": {""}, "share": {"%"}, "times": {"×"}}.get(kind, _UNITS), text
        scale = _UNITS[unit] if unit else 1.0
        shown = float(digits.replace(",", ""))
        last = 10.0 ** -len(digits.partition(".")[2])  # of the digits after the point
        if (kind != "count" and "." not in digits) or abs(shown) >= 1e4:
            last = max(last, 10.0 ** (len(digits.replace(",", "").lstrip("-")) - 4))
        assert abs(shown * scale - wanted) <= 0.51 * last * scale, (path, text, wanted)
        if kind == "count" and isinstance(wanted, int):
            assert shown == wanted
    return {path for path, *_ in marked}


def check_shown(paths: set[str], *wanted: list[str | int]) -> None:
    """These values of the JSON are among the numbers that were marked."""
    assert {json.dumps(path, separators=(",", ":")) for path in wanted} <= paths


def check_alone(browser: Browser) -> None:
    """A page without complaints that asked for no file but its own."""
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith("file:")] == []


def choose(browser: Browser, selector: str, value: str) -> None:
    browser.run(
        f"(() => {{ const s = document.querySelector({json.dumps(selector)}); s.value = "
        f"{json.dumps(value)}; s.dispatchEvent(new Event('change')); }})()"
    )


def text(browser: Browser, selector: str) -> str:
    return str(browser.run(f"document.querySelector({json.dumps(selector)}).innerText"))
