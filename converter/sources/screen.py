"""What a torch.export archive may ask PyTorch to do when it is loaded.

`torch.export.load` trusts its file: pickled tensors and inputs, sympy expressions that are
evaluated, guards that are compiled, operators that are looked up by name. Everything of that
kind is checked here first, and what is not plainly harmless is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from snnc.converter.sources.archive import read_member
from snnc.ir.errors import DamagedFile, UnsafePickle

_SAFE_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|quantized_decomposed|snnc)\.[A-Za-z0-9_.]+"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)"
    r"|torch\.sym_[a-z_]+"
    r"|math\.[a-z]+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_)"
)
_FILE_OPERATORS = re.compile(r"\.(from_file|save|load|_save|_load)(\.|$)")
_SAFE_EXPRESSION = re.compile(r"[\w\s+\-*/().,<>=']*")
_SAFE_WORDS = re.compile(
    r"Symbol|Add|Mul|Pow|Rational|Integer|Float|positive|negative|nonnegative|integer"
    r"|Max|Min|Mod|FloorDiv|CleanDiv|CeilDiv|ModularIndexing|PythonMod|IntTrueDiv|FloatTrueDiv"
    r"|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|True|False|oo|int_oo|zoo"
    r"|[suz]\d+|\d+(\.\d+)?(e\d+)?"
)
_WORD = re.compile(r"[A-Za-z_0-9.]*[A-Za-z_][A-Za-z_0-9.]*")
_SAFE_CONTAINERS = frozenset(
    {"builtins.tuple", "builtins.list", "builtins.dict", "builtins.NoneType"}
)


def screen_program(archive: zipfile.ZipFile, where: str) -> None:
    """Check every part of a torch.export archive that could run code.

    Raises:
        UnsafePickle: it holds pickled objects, or operators or expressions not known as safe.
        DamagedFile: a part cannot be read.
    """
    for name in archive.namelist():
        if "/aotinductor/" in name or name.endswith((".so", ".pyc", ".py")):
            raise _refused(f"the archive holds compiled code ({name})", where)
        if "/constants/" in name or "/weights/" in name:
            if name.endswith("_config.json"):
                _screen_payloads(_json(archive, name, where), where)
            elif name.endswith(".pt"):
                _screen_pickle(read_member(archive, name, where), name, where)
        elif "/sample_inputs/" in name:
            _screen_pickle(read_member(archive, name, where), name, where)
        elif "/models/" in name:
            _screen_graph(_json(archive, name, where), where)


def _refused(what: str, where: str) -> UnsafePickle:
    return UnsafePickle(
        what, where=where, hint="if you trust the file's author, give --trust-pickle"
    )


def _json(archive: zipfile.ZipFile, name: str, where: str) -> Any:
    try:
        return json.loads(read_member(archive, name, where))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"member {name!r} is no JSON ({error})", where=where) from None


def _screen_payloads(config: Any, where: str) -> None:
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict):
        raise DamagedFile("the list of weights is malformed", where=where)
    for key, entry in entries.items():
        path = entry.get("path_name") if isinstance(entry, dict) else None
        if not isinstance(path, str) or "/" in path or "\\" in path:
            raise DamagedFile(f"weight `{key}` has a bad file name", where=where)
        if entry.get("use_pickle") or path.startswith(("custom_obj", "opaque_obj")):
            raise _refused(f"weight `{key}` is a pickled object", where)


def _screen_pickle(data: bytes, name: str, where: str) -> None:
    import torch

    if not data:
        return
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # damaged or unsafe: neither may reach torch.export.load
        raise _refused(f"member {name!r} is not a plain container of tensors", where) from None


def _screen_graph(graph: Any, where: str) -> None:
    for key, value in _walk(graph):
        if key == "target" and isinstance(value, str) and _is_callable(value):
            safe = _SAFE_OPERATORS.fullmatch(value) and not _FILE_OPERATORS.search(value)
            if not safe:
                raise _refused(f"the program calls `{value[:80]}`", where)
        elif key == "expr_str" and not _is_safe_expression(value):
            raise _refused(f"the program holds the expression {str(value)[:80]!r}", where)
        elif key in ("in_spec", "out_spec") and isinstance(value, str):
            _screen_tree(value, where)


def _is_callable(target: str) -> bool:
    """Whether a node's target would be resolved to an object, not taken as a placeholder name."""
    return target.startswith(("torch", "_operator", "math", "#")) or ":" in target


def _is_safe_expression(text: Any) -> bool:
    if not isinstance(text, str) or len(text) > 1000 or not _SAFE_EXPRESSION.fullmatch(text):
        return False
    words = _WORD.findall(text)
    return all(_SAFE_WORDS.fullmatch(word) for word in words)


def _screen_tree(spec: str, where: str) -> None:
    try:
        tree = json.loads(spec)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"the program's signature is no JSON ({error})", where=where) from None
    for key, value in _walk(tree):
        if key == "type" and value is not None and value not in _SAFE_CONTAINERS:
            raise _refused(f"the program takes or gives a `{str(value)[:80]}`", where)


def _walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Every (key, value) pair in nested JSON; no recursion, so that depth cannot hurt."""
    stack = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield from item.items()
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
