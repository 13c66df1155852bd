"""The event graph: populations of neurons, projections of synapses, exact integer semantics."""
