// One row for each population: what it is, what it did, what it cost on each hardware.
function layersSection() {
  const names = Object.keys(report.by_population);
  const path = (name, key) => ["by_population", name, key];
  const column = (head, key, format, over) => ({ head, right: true, value: (name) => at(path(name, key)), cell: (name) => num(path(name, key), format, over) });
  const has = (key) => names.some((name) => typeof at(path(name, key)) === "number");
  const columns = [
    { head: "population", name: true, value: (name) => name, cell: (name) => nameButton(name) },
    ...(names.some((name) => ![name, ""].includes(report.by_population[name].module_path)) ? [{ head: "module", name: true, value: (name) => report.by_population[name].module_path, cell: (name) => report.by_population[name].module_path }] : []),
    { head: "kind", value: (name) => report.by_population[name].kind, cell: (name) => report.by_population[name].kind },
    column("neurons", "n_neurons", "count"),
    column("mean count", "mean_count", "count"),
    ...(has("mean_count_low") ? [{ head: "interval", right: true, cell: (name) => (at(path(name, "mean_count_low")) === null ? "" : el("span", { class: "quiet" }, num(path(name, "mean_count_low")), " … ", num(path(name, "mean_count_high")))) }] : []),
    ...(has("n_dead") ? [column("dead", "n_dead", "count")] : []),
    ...(has("n_saturated") ? [column("saturated", "n_saturated", "count")] : []),
    column("spikes", "spikes", "count", perSample),
    column("synaptic events", "synaptic_events", "count", perSample),
    column("dense MACs", "dense_macs", "count", perSample),
    ...estimates().map(([key, e]) => ({
      head: e.hardware.name, right: true,
      value: (name) => at([...path(name, "picojoule"), key]),
      cell: (name) => num([...path(name, "picojoule"), key], "energy"),
    })),
  ];
  return section("layers", "Layer by layer, one sample", table(columns, names, { search: (name) => `${name} ${report.by_population[name].module_path} ${report.by_population[name].kind}`, label: "populations" }),
    el("p", { class: "note", text: "Counters stand at the population that the events reach; spikes at the one that sends them. A name shows that population in the pictures below." }));
}
function nameButton(name) {
  return el("button", { text: name, onclick: () => choose({ population: name, neuron: null }) });
}
