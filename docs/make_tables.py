"""Write the tables of docs/*.md from the registries, so that docs cannot fall behind the code.

    python docs/make_tables.py          rewrite the pages
    python docs/make_tables.py --check  exit 1 where a page is not up to date

A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def first_line(thing: object) -> str:
    """The first line of a docstring, safe inside a Markdown table."""
    return (thing.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")


def rows(header: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(header), *(list(row) for row in body)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def neurons() -> str:
    from snnc.ir.neurons import NEURONS

    return rows(
        ("model", "equation, once a frame", "passes on", "form"),
        (
            (f"`{kind}`", f"`{first_line(cls)}`", cls.emits, ", ".join(sorted(cls.forms)))
            for kind, cls in NEURONS.items()
        ),
    )


def maps() -> str:
    from snnc.ir.maps import MAPS

    return rows(
        ("map", "what it computes"), ((f"`{kind}`", first_line(cls)) for kind, cls in MAPS.items())
    )


def nodes() -> str:
    from snnc.ir.nodes import NODES

    return rows(
        ("node", "what it is", "ports"),
        ((f"`{k}`", first_line(cls), ", ".join(cls.ports) or "none") for k, cls in NODES.items()),
    )


def rules() -> str:
    from snnc.ir.rules import RULE_OPS

    return ", ".join(f"`{name}`" for name in RULE_OPS) + "\n"


def passes() -> str:
    from snnc.ir.passes import PASSES

    return rows(("pass", "what it does"), ((f"`{k}`", first_line(c)) for k, c in PASSES.items()))


def errors() -> str:
    from snnc.ir import errors as module

    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, module.SnncError)
    ]
    return rows(
        ("code", "error", "when"),
        (
            (cls.code, f"`{cls.__name__}`", first_line(cls))
            for cls in sorted(classes, key=lambda c: c.code)
        ),
    )


def operators() -> str:
    import snnc.converter.lower.operators  # noqa: F401  (registers the rules)
    from snnc.converter.lower.registry import RULES

    return rows(
        ("ONNX operator", "becomes", "why"),
        ((f"`{name}`", rule.fate, rule.why) for name, rule in sorted(RULES.items())),
    )


def backends() -> str:
    from snnc.backends.rate import codes_of
    from snnc.backends.registry import backend_names, get_backend

    found = [get_backend(name) for name in backend_names()]
    return rows(
        ("backend", "engine runs", "targets"),
        (
            (
                f"`{b.name}`",
                ", ".join(sorted(codes_of(b.engine))) if b.engine else "none",
                ", ".join(f"`{t.name}`" for t in b.targets) or "none",
            )
            for b in found
        ),
    )


def speed() -> str:
    from speed_targets import all_targets

    return rows(
        ("target", "reached", "`python benchmarks/…`"),
        ((target, reached, f"`{command}`") for target, reached, command in all_targets()),
    )


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f
    for f in (*(neurons, maps, nodes, rules, passes, errors, operators, backends, speed),)
}


def refreshed(text: str) -> str:
    """A page with its tables made anew."""
    return MARK.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}{m[3]}", text)


def main() -> int:
    stale = 0
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text()
        new = refreshed(text)
        if new == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{page.name} is not up to date: run python docs/make_tables.py")
        else:
            page.write_text(new)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
