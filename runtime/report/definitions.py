"""What each counter means, in the words that every report prints."""

from __future__ import annotations

DEFINITIONS: dict[str, str] = {
    "synaptic_events": (
        "sum over events of the synapses that the event reaches (fan-out); what hardware with "
        "graded events does. Synapses with a stored weight of zero count, padding does not, and "
        "neither do those that an event would reach after its sample's end (recurrent synapses "
        "and delays by frames): with all state it is gone then"
    ),
    "unit_spike_operations": (
        "sum over events of |payload| x fan-out: the SynOps of the papers; in the burst code equal "
        "to synaptic_events but for the sums"
    ),
    "effective_acs": (
        "accumulations by NeuroBench's rule: synapses with non-zero weight that events reach, "
        "where all payloads of that projection, tick and sample are in {-1, 0, 1}"
    ),
    "effective_macs": "as effective_acs, where some payload is not in {-1, 0, 1}",
    "sums": (
        "the part that is due to populations that pass whole sums on (residual streams, pools): "
        "one graded event a neuron and frame in every code"
    ),
    "dense_macs": "multiply-accumulates of the same layers in the non-spiking network",
    "events": "events that left the population; one may carry a payload larger than 1",
    "spikes": "sum over the events of firing populations of |payload|: unit spikes; sums are none",
    "neuron_updates": "neurons x ticks of the run: a clocked chip updates each neuron each tick",
    "neuron_latches": "neurons x frames",
    "max_pool_inputs": "events that reach a maximum x the windows that each one is in",
    "mean_count": (
        "mean |count| of a neuron in one frame, between 0 and D; null where sums are passed on"
    ),
    "host_macs": "multiply-accumulates of host operators, which no chip of spikes runs",
    "picojoule": (
        "energy of one sample: each counter x the published figure of the hardware, summed; what "
        "a figure covers stands beside it"
    ),
    "parts": (
        "what an energy is made of, each shown by itself: synapses, neurons, spikes, hops between "
        "cores, memory traffic, static power; `in_total` says which of them `picojoule` adds up"
    ),
    "picojoule_low": "the same with the lowest figures that publications print",
    "picojoule_high": "the same with the highest figures that publications print",
    "memory": (
        "bits moved where nothing is kept at hand: for each synapse that an event reaches the "
        "weight is read and the membrane behind it read and written, each latch reads and clears "
        "its membrane; in the non-spiking network a weight and an activation are read for each "
        "multiply-accumulate and each result is written once. Widths are those that the integers "
        "need in the worst case, 32 bits in floating point"
    ),
    "static": "static power of the chips for all ticks of a sample, as long as the figure says",
    "codes": "the same network and samples in other event codes, on the dense engine where it can",
    "neurobench": (
        "NeuroBench's metrics by the rules of neurobench 2.3: bytes of weights and biases in the "
        "smallest integer types; share of zero weights; share of neurons and ticks of a window "
        "without an event, over populations that fire; effective and dense operations of weighted "
        "layers, each tick of a window as one call"
    ),
    "statistics": (
        "samples run one by one, each with its own counters; `interval` says how confidence "
        "intervals were made"
    ),
    "n_dead": "neurons that emitted nothing in any frame of these samples",
    "n_saturated": (
        "neurons whose count was the largest (or, below zero, the smallest) that they can emit in "
        "half of all frames or more"
    ),
    "early_exit": (
        "the class that the output's sums would have given at each tick: what has arrived in the "
        "open window, and all frames before; ticks count from the start of the sample"
    ),
    "papers": (
        "the formula of the papers: 4.6 pJ x MACs of the first layer + 0.9 pJ x sum over the "
        "other layers of mean count x MACs, padding included; the mean count already holds D. "
        "Attention products count pairs x mean count of an operand: the mean over both operands, "
        "the lower and the higher one beside it. Neurons, residual additions and memory are not "
        "in it"
    ),
    "baseline": (
        "the same network without spikes: all multiply-accumulates at 45 nm, in 32-bit floating "
        "point and in 8-bit integers with 32-bit sums, the latter also where operations with a "
        "zero operand are skipped; `picojoule` is arithmetic only, other parts stand beside it"
    ),
}
