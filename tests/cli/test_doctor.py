"""`snnc doctor`, `snnc targets`, `snnc hardware`: what there is, and does it work?"""

from __future__ import annotations

from pathlib import Path

import pytest

import snnc.runtime.doctor as doctor
from snnc.ir.errors import NotExecutable
from tests.cli.helpers import check_schema, snnc


def test_doctor() -> None:
    done = snnc("doctor", "--json")
    assert done.code == 0, done.stdout
    check_schema("doctor", done.json)
    assert done.json["ok"]
    assert done.json["versions"]["numpy"]
    assert {test["name"].split(",")[0] for test in done.json["self_tests"]} == {"event", "dense"}
    shown = snnc("doctor").stdout
    assert "python" in shown
    assert "0 differ from the oracle" in shown


def test_doctor_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, _settings: object) -> tuple[int, int]:
        if name == "dense":
            raise NotExecutable("the engine is broken")
        return 10, 3

    monkeypatch.setattr(doctor, "_compare", broken)
    done = snnc("doctor", "--json")
    assert done.code == 1
    assert not done.json["ok"]
    details = [test["detail"] for test in done.json["self_tests"]]
    assert "3 differ" in details[0]
    assert "the engine is broken" in details[-1]
    assert "FAILED" in snnc("doctor").stdout


def test_targets() -> None:
    done = snnc("targets", "--json")
    assert done.code == 0, done.stdout
    check_schema("targets", done.json)
    rows = {row["name"]: row for row in done.json["targets"]}
    assert set(rows) >= {"sim", "loihi1", "loihi2"}
    assert (rows["sim"]["code"], rows["loihi1"]["code"]) == ("graded", "burst")
    assert rows["sim"]["ready"]
    assert "loihi2" in snnc("targets").stdout


@pytest.mark.parametrize(
    ("name", "said"), [("lohi", "did you mean `loihi`?"), ("sim", "needs no environment")]
)
def test_set_up_of_what_needs_none(name: str, said: str) -> None:
    done = snnc("targets", "setup", name, "--json")
    assert done.code == 1
    assert said in done.json["error"]["what"]


def test_hardware() -> None:
    done = snnc("hardware", "--json")
    assert done.code == 0
    check_schema("hardware", done.json)
    assert {chip["name"] for chip in done.json["hardware"]} >= {"45nm", "loihi1", "loihi2"}
    assert "Loihi" in snnc("hardware").stdout


def test_hardware_show() -> None:
    done = snnc("hardware", "show", "loihi1", "--json")
    assert done.code == 0
    check_schema("hardware", done.json)
    (chip,) = done.json["hardware"]
    assert {"hop_east_west", "static"} < {figure["key"] for figure in chip["figures"]}
    text = " ".join(snnc("hardware", "show", "loihi1").stdout.split())
    assert "81 pJ, published 52 to 81 pJ" in text
    assert "PilotNet" in snnc("hardware", "show", "loihi2").stdout
    wrong = snnc("hardware", "show", "loihi9", "--json")
    assert wrong.code == 1
    assert wrong.json["error"]["code"] == "SNNC701"


def test_hardware_check(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\nprocess = "1 nm"\npayload = "bits"\nnote = "none"\n')
    done = snnc("hardware", "check", path, "--json")
    assert done.code == 1
    check_schema("hardware-check", done.json)
    (error,) = done.json["errors"]
    assert error["where"] == f"{path}, line 3"
    shown = snnc("hardware", "check", path)
    assert shown.code == 1
    assert "line 3" in "".join(shown.stdout.split("\n")).replace("  ", " ")
    path.write_text(path.read_text().replace("bits", "unit"))
    done = snnc("hardware", "check", path, "--json")
    assert done.code == 0
    check_schema("hardware-check", done.json)
    assert done.json["ok"] is True
    assert snnc("hardware", "check", path).code == 0
