"""Hardware files: what is shipped is well-formed and cited, what is malformed is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnc.ir.errors import UnknownHardware
from snnc.runtime.energy import list_hardware, load_hardware

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
        "45nm", "45nm-int32", "45nm-int8", "loihi1", "loihi2", "odin", "spinnaker2", "truenorth",
    ]  # fmt: skip


def test_published_figures() -> None:
    """Typed in again from the notes on the publications."""
    expected = {
        ("45nm", "effective_macs"): 3.7 + 0.9,
        ("45nm", "effective_acs"): 0.9,
        ("45nm-int8", "effective_macs"): 0.2 + 0.1,
        ("45nm-int8", "effective_acs"): 0.1,
        ("45nm-int32", "effective_macs"): 3.1 + 0.1,
        ("45nm-int32", "effective_acs"): 0.1,
        ("loihi1", "unit_spike_operations"): 23.6,
        ("loihi1", "neuron_updates"): 81.0,
        ("loihi1", "spikes"): 1.7,
        ("truenorth", "unit_spike_operations"): 26.0,
        ("odin", "unit_spike_operations"): 12.7,
        ("spinnaker2", "synaptic_events"): 450.0,
        ("spinnaker2", "neuron_updates"): 2190.0,
    }
    shipped = {(h.name, f.counter): f.picojoule for h in list_hardware() for f in h.figures}
    assert shipped == pytest.approx(expected, rel=1e-12)


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
