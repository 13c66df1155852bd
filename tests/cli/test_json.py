"""Every command: its --json follows its schema, and its help shows examples that it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from snnc.cli.main import COMMANDS, cli
from tests.cli.helpers import SCHEMAS, check_schema, snnc
from tests.runtime.tune.nets import save_data, save_network

CALLS = {
    "convert": "quantised.onnx -o again.snnc",
    "run": "net.snnc --data test.npz --limit 3",
    "trace": "net.snnc --data test.npz --sample 0",
    "verify": "quantised.onnx net.snnc --data test.npz --limit 2",
    "report": "net.snnc --data test.npz --limit 3",
    "compare": "net.snnc --data test.npz --limit 3 --code burst --code graded",
    "map": "net.snnc --target loihi2",
    "check": "net.onnx",
    "inspect": "net.snnc",
    "export": "net.snnc --format nir",
    "quantize": "net.onnx --data train.npz --limit 20",
    "tune": "net.onnx --data test.npz --limit 6 --hardware 45nm --bits 4 --levels 3 --max-loss 99%",
    "targets": "",
    "hardware": "",
    "doctor": "",
}
"""A call of each command, in a folder that holds these files."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("json")
    save_network(place)
    save_data(place)
    done = snnc("quantize", place / "net.onnx", "--data", place / "train.npz",
                "-o", place / "quantised.onnx")  # fmt: skip
    assert done.code == 0, done.stderr
    done = snnc("convert", place / "quantised.onnx", "-o", place / "net.snnc")
    assert done.code == 0, done.stderr
    return place


def test_no_command_is_left_out() -> None:
    assert set(CALLS) == set(COMMANDS)
    assert {path.stem for path in SCHEMAS.glob("*.json")} >= {*COMMANDS, "error"}


@pytest.mark.parametrize("command", COMMANDS)
def test_json_follows_the_schema(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = snnc(command, *CALLS[command].split(), "--json")
    assert done.code == 0, done.stderr + done.stdout
    check_schema(command, done.json)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_help_are_taken(command: str) -> None:
    text = snnc(command, "--help").stdout
    examples = re.findall(rf"^\s+(?:\S+ \| )?snnc ({command} .*|{command})$", text, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example.split(" > ")[0])[1:]
        found = cli.get_command(click.Context(cli), command)
        assert found is not None
        while isinstance(found, click.Group) and words and words[0] in found.commands:
            found = found.commands[words.pop(0)]
        found.make_context(command, words)  # a usage error where it does not take them
