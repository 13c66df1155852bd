"""What the host does, as `inspect` and reports list it."""

from __future__ import annotations

from snnc.runtime.summary import host_regions
from snnc.runtime.tables import host_table
from tests.runtime.models import make_file
from tests.runtime.test_staged import crossing


def test_regions_are_listed_with_what_they_read_and_give() -> None:
    (region,) = host_regions(crossing().integer_graph)
    assert region == {
        "region": "host",
        "operators": [],
        "n_macs": 0,
        "reads": ["a"],
        "gives": {"host": "value"},
    }
    (shown,) = host_table([region])
    assert shown.row_count == 1


def test_a_graph_without_host_has_no_table() -> None:
    assert host_table(host_regions(make_file().integer_graph)) == []
