"""Networks of binary neurons in SANA-FE, step by step.

Runs in SANA-FE's own environment (it is GPL software: snnc neither imports nor contains it), and
knows nothing of snnc. `run_sanafe.py IN.json OUT.json`: IN holds

    runs: [{steps, groups, edges}]
    group: {name, size, soma, attributes: by name one value a neuron, spikes: [neuron][step]}
    edge: {source, target, pre, post, weight}

and OUT, for each run, `fired` (by group: [step, neuron], sorted) and `synaptic_events`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import sanafe

UNITS = 1024
"""Input units of a core: each plays one neuron's spikes."""

ENERGY = ["energy_access_neuron", "energy_update_neuron", "energy_spike_out"]
LATENCY = ["latency_access_neuron", "latency_update_neuron", "latency_spike_out"]


def unit(name: str, model: str | None, keys: list[str]) -> dict[str, Any]:
    """A unit of a core that costs nothing: only events are counted here."""
    attributes: dict[str, Any] = dict.fromkeys(keys, 0.0)
    if model:
        attributes["model"] = model
    return {"name": name, "attributes": attributes}


def chip(n_cores: int) -> dict[str, Any]:
    """One core in each tile, with every soma that a group may ask for."""
    soma = [*ENERGY, *LATENCY]
    core = {
        "name": "core",
        "attributes": {"buffer_position": "soma", "max_neurons_supported": 4096},
        "axon_in": [unit("in", None, ["energy_message_in", "latency_message_in"])],
        "synapse": [
            unit("syn", "current_based", ["energy_process_spike", "latency_process_spike"])
        ],
        "dendrite": [unit("den", "accumulator", ["energy_update", "latency_update"])],
        "soma": [
            unit("leaky_integrate_fire", "leaky_integrate_fire", soma),
            unit("truenorth", "truenorth", soma),
            unit(f"input[0..{UNITS - 1}]", "input", soma),
        ],
        "axon_out": [unit("out", None, ["energy_message_out", "latency_message_out"])],
    }
    ways = ("north", "east", "south", "west")
    hops = dict.fromkeys([f"{cost}_{way}_hop" for cost in ("energy", "latency") for way in ways], 0)
    tile = {"name": f"tile[0..{n_cores - 1}]", "attributes": hops, "core": [core]}
    attributes: dict[str, Any] = {
        "topology": "mesh",
        "width": n_cores,
        "height": 1,
        "link_buffer_size": 16,
    }
    attributes |= {"sync_model": "fixed", "latency_sync": 0.0}
    return {"architecture": {"name": "chip", "attributes": attributes, "tile": [tile]}}


def network(groups: list[dict[str, Any]], edges: list[dict[str, Any]], arch: Any) -> Any:
    """SANA-FE's network, each group on a core of its own."""
    net = sanafe.Network()
    made = {}
    for group, tile in zip(groups, arch.tiles, strict=False):
        soma = "" if group["soma"] == "input" else group["soma"]
        made[group["name"]] = neurons = net.create_neuron_group(
            group["name"], group["size"], soma_hw_name=soma
        )
        for n in range(group["size"]):
            attributes = {name: values[n] for name, values in group["attributes"].items()}
            if group["soma"] == "input":
                attributes = {"spikes": group["spikes"][n]}
                soma = f"input[{n}]"
            neurons[n].set_attributes(
                soma_hw_name=soma, log_spikes=True, model_attributes=attributes
            )
            neurons[n].map_to_core(tile.cores[0])
    for edge in edges:
        pairs = list(zip(edge["pre"], edge["post"], strict=True))
        source, target = made[edge["source"]], made[edge["target"]]
        source.connect_neurons_sparse(target, {"weight": edge["weight"]}, pairs)
    return net


def run(groups: list[dict[str, Any]], edges: list[dict[str, Any]], steps: int) -> dict[str, Any]:
    """Spikes and synaptic events of one run from rest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chip.yaml"
        path.write_text(json.dumps(chip(len(groups))))  # JSON is YAML
        arch = sanafe.load_arch(path)
    simulator = sanafe.SpikingChip(arch)
    simulator.load(network(groups, edges, arch))
    found = simulator.sim(steps, timing_model="simple", spike_trace=True)
    fired: dict[str, list[tuple[int, int]]] = {group["name"]: [] for group in groups}
    for step, spikes in enumerate(found["spike_trace"]):
        for spike in spikes:
            fired[spike.group_name].append((step, spike.neuron_offset))
    return {
        "fired": {name: sorted(spikes) for name, spikes in fired.items()},
        "synaptic_events": found["spikes"],
    }


def main() -> None:
    """Run what the first file describes."""
    given = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps([run(**each) for each in given["runs"]]))


if __name__ == "__main__":
    main()
