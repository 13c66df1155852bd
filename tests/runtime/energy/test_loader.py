"""Hardware files: what is shipped is well-formed and cited, what is malformed is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.errors import UnknownHardware
from snnc.runtime.energy import check_hardware, list_hardware, load_hardware
from snnc.runtime.energy.figures import Figure, System

GOOD = """
title = "A chip"
process = "1 nm"
payload = "unit"
note = "None."
[limits]
cores_per_chip = 2
source = "the data sheet"
[energy.synaptic_operation]
counter = "synaptic_events"
picojoule = 2
covers = "all"
publication = "P"
table = "1"
basis = "measured"
evidence = "read"
"""


def test_shipped_files() -> None:
    names = [hardware.name for hardware in list_hardware()]
    assert names == [
        "45nm", "45nm-int32", "45nm-int8", "loihi1", "loihi2", "odin", "reckon", "seneca", "speck",
        "spinnaker1", "spinnaker2", "tianjic", "truenorth",
    ]  # fmt: skip


def test_published_figures() -> None:
    """Typed in again from the notes on the publications; (low, figure, high)."""
    sram = (10 / 64, 10 / 64, 100 / 64)
    expected = {
        ("45nm", "effective_macs"): (3.7 + 0.9,) * 3,
        ("45nm", "effective_acs"): (0.9,) * 3,
        ("45nm", "neuron_latches"): (1.8,) * 3,
        ("45nm-int8", "effective_macs"): (0.2 + 0.03, 0.2 + 0.1, 0.2 + 0.1),
        ("45nm-int8", "effective_acs"): (0.03, 0.1, 0.1),
        ("45nm-int8", "neuron_latches"): (0.2,) * 3,
        ("45nm-int32", "effective_macs"): (3.1 + 0.1,) * 3,
        ("45nm-int32", "effective_acs"): (0.1,) * 3,
        ("45nm-int32", "neuron_latches"): (0.2,) * 3,
        ("loihi1", "unit_spike_operations"): (23.6,) * 3,
        ("loihi1", "neuron_updates"): (52.0, 81.0, 81.0),
        ("loihi1", "spikes"): (1.7,) * 3,
        ("loihi1", "hops_east_west"): (3.0,) * 3,
        ("loihi1", "hops_north_south"): (4.0,) * 3,
        ("loihi1", "chip_ticks"): (104e-3 * 113e-9 * 1e12, 104e-3 * 1e-3 * 1e12, 1.04e8),
        ("truenorth", "unit_spike_operations"): (1e12 / 400e9, 26.0, 26.0),
        ("odin", "unit_spike_operations"): (12.7,) * 3,
        ("reckon", "unit_spike_operations"): (5.3,) * 3,
        ("seneca", "synaptic_events"): (2.8,) * 3,
        ("tianjic", "synaptic_events"): (1.54,) * 3,
        ("spinnaker1", "synaptic_events"): (13.3e3, 13.3e3, 43e3),
        ("spinnaker1", "neuron_updates"): (26e3, 26e3, 100e3),
        ("spinnaker2", "synaptic_events"): (10.0, 450.0, 450.0),
        ("spinnaker2", "neuron_updates"): (2190.0,) * 3,
    }
    for process in ("45nm", "45nm-int8", "45nm-int32"):
        expected |= {(process, "weight_bits"): sram, (process, "state_bits"): sram}
    shipped = {
        (h.name, f.counter): (f.bounds[0], f.picojoule, f.bounds[1])
        for h in list_hardware()
        for f in h.figures
    }
    assert shipped.keys() == expected.keys()
    for key, figure in expected.items():
        assert shipped[key] == pytest.approx(figure, rel=1e-12), key


def test_every_shipped_figure_says_how_far_it_was_verified() -> None:
    for hardware in list_hardware():
        given: tuple[Figure | System, ...] = (*hardware.figures, *hardware.systems)
        for figure in given:
            assert figure.checked != "unchecked"
            assert figure.evidence


def test_chips_without_a_figure_say_what_was_measured() -> None:
    for name in ("loihi2", "speck"):
        hardware = load_hardware(name)
        assert hardware.figures == ()
        assert hardware.systems
    snn = next(s for s in load_hardware("loihi2").systems if "PilotNet SNN, energy" in s.what)
    assert snn.value == pytest.approx(0.679 / 408.91 * 1e6, rel=1e-3)  # W over frames/s, in uJ


def test_loihi2_has_limits_and_no_invented_figure() -> None:
    hardware = load_hardware("loihi2")
    assert hardware.figures == ()
    assert hardware.chip.cores_per_chip == 128


def test_users_file(tmp_path: Path) -> None:
    path = tmp_path / "mychip.toml"
    path.write_text(GOOD)
    hardware = load_hardware(path)
    assert hardware.name == "mychip"
    assert hardware.to_json()["limits"] == {
        "cores_per_chip": {"value": 2, "source": "the data sheet"}
    }
    (figure,) = hardware.figures
    assert (figure.counter, figure.picojoule, figure.process) == ("synaptic_events", 2.0, "1 nm")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A chip"', "", "lacks the key `title`"),
        ('title = "A chip"', 'title = "A chip"\ncolour = "red"', "unknown key `colour`"),
        ('payload = "unit"', 'payload = "units"', "did you mean `unit`"),
        ("cores_per_chip = 2", "cores_per_chip = true", "must be an integer"),
        ('source = "the data sheet"', "", "`cores_per_chip` lacks `source`"),
        ('"synaptic_events"', '"synaptic_event"', "did you mean `synaptic_events`"),
        ('basis = "measured"', 'basis = "guessed"', "unknown basis"),
        ('covers = "all"', "", "lacks the key `covers`"),
        ('covers = "all"', 'covers = " "', "not empty"),
        ('basis = "measured"', 'basis = "measured"\nchecked = "yes"', "unknown value of `checked`"),
        ("picojoule = 2", "picojoule = 2\nlow = 3", "must lie between"),
        ("picojoule = 2", "picojoule = 2\nlow = 1", "need `range_from`"),
        ("picojoule = 2", "picojoule = 2\nlow = nan", ">= 0"),
        ('note = "None."', 'note = "None."\ntotal = ["neuron"]', "did you mean `neurons`"),
        ('note = "None."', 'note = "None."\ntotal = []', "must be a list"),
        ('note = "None."', 'note = "None."\nsystems = 3', r"must be tables"),
        ("picojoule = 2", "picojoule = -1", ">= 0"),
        ("picojoule = 2", "picojoule = nan", ">= 0"),
        ("picojoule = 2", "picojoule = true", ">= 0"),
        ("picojoule = 2", "picojoule = ", "not valid TOML"),
        ("[energy.synaptic_operation]", "[energy]", "must be a table"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UnknownHardware, match=message):
        load_hardware(path)


def test_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownHardware, match="did you mean `loihi2`") as error:
        load_hardware("loihi-2")
    assert "snnc hardware" in str(error.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for path in (binary, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(UnknownHardware):
            load_hardware(path)


def test_messages_name_line_and_table(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace("picojoule = 2", "picojoule = -1"))
    line = GOOD.splitlines().index("picojoule = 2") + 1
    with pytest.raises(UnknownHardware) as error:
        load_hardware(path)
    assert error.value.where == f"{path}, line {line}, [energy.synaptic_operation]"


def test_check_finds_every_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = GOOD.replace('payload = "unit"', 'payload = "units"\ncolour = "red"')
    text = text.replace("cores_per_chip = 2", "cores_per_chip = -2")
    text = text.replace("picojoule = 2", "picojoules = 2")
    text += '[[systems]]\nwhat = "x"\nvalue = 1\nunit = "W"\n[[systems]]\nvalue = "much"\n'
    path.write_text(text)
    lines = text.splitlines()
    result = check_hardware(path)
    assert not result.ok
    found = {(error.what.split(";")[0], error.where) for error in result.errors}

    def at(line: str, table: str = "") -> str:
        number = lines.index(line) + 1
        return f"{path}, line {number}" + (f", [{table}]" if table else "")

    energy = "energy.synaptic_operation"
    assert ("unknown key `colour`", at('colour = "red"')) in {
        (what.split(":")[0], where) for what, where in found
    }
    assert ("`cores_per_chip` must be >= 0", at("cores_per_chip = -2", "limits")) in found
    assert ("unknown key `picojoules`", at("picojoules = 2", energy)) in found
    assert ("lacks the key `picojoule`", at(f"[{energy}]", energy)) in found
    assert ("lacks the key `basis`", at("[[systems]]", "systems.1")) in found
    path.write_text(GOOD)
    assert check_hardware(path).ok
    path.write_text("a = ")
    assert [error.code for error in check_hardware(path).errors] == ["SNNC701"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(GOOD)), junk=st.text(max_size=8))
def test_check_never_fails_otherwise(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: str
) -> None:
    path = tmp_path_factory.mktemp("chips") / "torn.toml"
    path.write_text(GOOD[:cut] + junk + GOOD[cut:], encoding="utf-8")
    result = check_hardware(path)
    assert result.ok == (result.hardware is not None) == (not result.errors)
