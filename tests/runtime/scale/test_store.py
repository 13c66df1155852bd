"""The journal: cut off, damaged, of another run, or written by two."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from snnc.backends.base import Counters, NodeCounters
from snnc.ir.errors import DamagedFile, DiskFull, OtherRun, OutputExists
from snnc.runtime.scale import store
from snnc.runtime.scale.shards import Shard, ShardResult, Skipped, remaining
from snnc.runtime.scale.store import Journal, open_journal

IDENTITY = {"n_samples": 9, "engine": "oracle", "model": "m" * 40}


def result(first: int, n: int) -> ShardResult:
    rows = np.arange(first, first + n)
    return ShardResult(
        shard=Shard(first, n),
        arrays={"outputs": rows[:, None] / 4, "counts/a b": np.asfortranarray([rows, -rows]).T},
        counters={"p": Counters(first, n, 2**62, 0, 1)},
        node_counters={"a b": NodeCounters(events=n)},
        input_loss={"n_values": n, "n_rounded": 0, "n_clipped": 1, "largest": 0.1},
        n_ticks=3,
        skipped=(Skipped(sample=first, what="x"),),
        seconds=0.25,
    )


def begin(path: Path, *, resume: bool = False, force: bool = False) -> Journal:
    return open_journal(path, IDENTITY, resume=resume, force=force)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with three shards, written out of order."""
    journal = begin(tmp_path / "j")
    for first, n in ((3, 2), (0, 3), (5, 2)):
        journal.add(result(first, n))
    journal.close(keep=True)
    return tmp_path / "j"


def test_results_come_back_in_order(path: Path) -> None:
    journal = begin(path, resume=True)
    assert journal.done == [Shard(0, 3), Shard(3, 2), Shard(5, 2)]
    assert journal.n_samples == 7
    for read, made in zip(
        journal.results(), (result(0, 3), result(3, 2), result(5, 2)), strict=True
    ):
        assert {n: x.tolist() for n, x in read.arrays.items()} == {
            n: x.tolist() for n, x in made.arrays.items()
        }
        for name in ("shard", "counters", "node_counters", "input_loss", "skipped", "seconds"):
            assert getattr(read, name) == getattr(made, name)
    journal.close(keep=True)


def test_whatever_a_kill_leaves_goes_on_from_whole_records(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    cut = tmp_path / "cut"
    seen = set()
    for length in range(len(whole) + 1):
        cut.write_bytes(whole[:length])
        journal = begin(cut, resume=True)
        n = len(journal.done)
        seen.add(n)
        left = remaining(9, journal.done, 2)
        for shard in left:
            journal.add(result(shard.first, shard.n))
        assert sorted(i for s in journal.done for i in range(s.first, s.end)) == list(range(9))
        journal.close(keep=True)
        again = begin(cut, resume=True)
        assert len(again.done) == n + len(left)
        again.close(keep=True)
    assert seen == {0, 1, 2, 3}


def test_a_damaged_byte_is_a_named_error(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    bad = tmp_path / "bad"
    for place in range(0, len(whole), 7):
        data = bytearray(whole)
        data[place] ^= 0x10
        bad.write_bytes(data)
        with pytest.raises(DamagedFile):
            begin(bad, resume=True)
        assert bad.read_bytes() == data


def test_what_stands_before_the_damage_can_be_kept(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match="5 samples before it are whole"):
        begin(path, resume=True)
    journal = begin(path, resume=True, force=True)
    assert journal.done == [Shard(0, 3), Shard(3, 2)]
    journal.add(result(5, 2))
    journal.close(keep=True)
    again = begin(path, resume=True)
    assert again.n_samples == 7
    again.close(keep=True)


def test_a_stopped_run_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputExists, match="left 7 of 9 samples"):
        begin(path)
    assert path.read_bytes() == before
    anew = begin(path, force=True)
    assert anew.done == []
    anew.close(keep=True)


def test_another_run_does_not_go_on(path: Path) -> None:
    other = {**IDENTITY, "engine": "event", "model": "n" * 40}
    with pytest.raises(OtherRun, match=r"engine \(oracle, now event\), model \(mmmmmmmmmmmm…"):
        open_journal(path, other, resume=True, force=False)


def test_two_runs_do_not_write_one_journal(path: Path) -> None:
    first = begin(path, resume=True)
    with pytest.raises(OutputExists, match="another run is writing this"):
        begin(path, resume=True)
    first.close(keep=True)
    begin(path, resume=True).close(keep=False)
    assert not path.exists()


def test_what_is_no_journal_stays(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"something else")
    with pytest.raises(DamagedFile, match="no journal"):
        begin(path)
    assert path.read_bytes() == b"something else"


def test_remaining_fills_gaps() -> None:
    assert remaining(5, [], 2) == [Shard(0, 2), Shard(2, 2), Shard(4, 1)]
    assert remaining(9, [Shard(6, 2), Shard(1, 2)], 2) == [
        Shard(0, 1), Shard(3, 2), Shard(5, 1), Shard(8, 1),
    ]  # fmt: skip
    assert remaining(2, [Shard(0, 2)], 1) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_an_end_while_the_disk_is_busy(
    path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    """Ctrl-C finds the shard held; one that the disk refused is not there."""

    def ends(descriptor: int) -> None:
        raise failure

    monkeypatch.setattr(store, "_SYNC_SECONDS", -1.0)
    journal = begin(path, force=True)
    journal.add(result(0, 3))
    monkeypatch.setattr("os.fsync", ends)
    with pytest.raises((KeyboardInterrupt, DiskFull)):
        journal.add(result(3, 2))
    journal.close(keep=True)
    monkeypatch.undo()
    again = begin(path, resume=True)
    held = [Shard(0, 3), Shard(3, 2)]
    assert again.done == journal.done == held[: 1 + isinstance(failure, KeyboardInterrupt)]
    again.close(keep=True)
