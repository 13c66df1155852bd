"""Source text that reads as if written by hand."""

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.lava.network import reserved_names
from snnc.backends.lava.text import (
    Call,
    Imports,
    assignment,
    comment_text,
    identifiers,
    quoted,
    split_arguments,
)


def test_short_call_is_one_line() -> None:
    call = Call("m", "Dense", {"weights": "2 * w", "name": '"a"'})
    assert assignment("x", call) == ['    x = Dense(weights=2 * w, name="a")']


def test_long_call_breaks_at_its_arguments_only_as_deep_as_needed() -> None:
    inner = "matrix(" + ", ".join(f"argument_{i}=(1, 2)" for i in range(6)) + ")"
    lines = assignment("x", Call("m", "Sparse", {"weights": f"2 * {inner}", "exp": "-1"}))
    assert lines == [
        "    x = Sparse(",
        "        weights=2 * matrix(",
        *(f"            argument_{i}=(1, 2)," for i in range(6)),
        "        ),",
        "        exp=-1,",
        "    )",
    ]


def test_split_arguments_minds_brackets() -> None:
    assert split_arguments("a, (b, c), [d, {e: f}], g(h, i)") == [
        "a", "(b, c)", "[d, {e: f}]", "g(h, i)",
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.text("ab,()[]{}'\"\\\n ", max_size=30), st.text("x, (", max_size=130))
def test_names_are_no_syntax(name: str, other: str) -> None:
    """However a population is called, its constructor says just that."""
    call = Call("m", "f", {"name": quoted(name), "x": f"w[{quoted(other)}] + g({quoted(name)}, 1)"})
    tree = ast.parse("\n".join(line[4:] for line in assignment("x", call)))
    assert isinstance(tree.body[0], ast.Assign)
    made = tree.body[0].value
    assert isinstance(made, ast.Call)
    assert [ast.unparse(k.value) for k in made.keywords] == [
        repr(name), f"w[{other!r}] + g({name!r}, 1)",
    ]  # fmt: skip


def test_identifiers_are_readable_and_unique() -> None:
    names = ["layers.0.conv", "layers/0/conv", "0", "class", "max", "w", "ünïcode", "..."]
    assert identifiers(names, ["w"]) == {
        "layers.0.conv": "layers_0_conv", "layers/0/conv": "layers_0_conv_2", "0": "n0",
        "class": "class_2", "max": "max_2", "w": "w_2", "ünïcode": "n_code", "...": "node",
    }  # fmt: skip


def test_names_of_processes_are_reserved() -> None:
    wanted = {"Trace", "CurrentIntegrateAndFire", "FrameDelay", "BURST", "conv_matrix", "Sparse"}
    assert wanted <= reserved_names()


def test_quoted_text_reads_back() -> None:
    for text in ("plain", 'with "quotes"', "it's", "line\nbreak", "back\\slash", "ü", '"""'):
        assert eval(quoted(text)) == text
    assert quoted("plain") == '"plain"'


def test_comments_cannot_become_code() -> None:
    assert comment_text("name\nimport os\u2028x") == "name import os x"


def test_imports() -> None:
    imports = Imports()
    imports.add("lava.b", "B", "A")
    imports.add("lava.a", "X")
    imports.add("other", "Z")
    imports.add("lava.c")
    assert imports.lines("lava") == ["from lava.a import X", "from lava.b import A, B"]
    imports.add("long", *(f"function_{i:02}" for i in range(9)))
    assert imports.lines("long")[:2] == ["from long import (", "    function_00,"]
