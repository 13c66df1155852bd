// Where every figure and every count comes from.
function operationsSection() {
  const keys = Object.keys(report.counters);
  const columns = [
    { head: "counter", cell: (key) => key }, { head: "run", right: true, cell: (key) => num(["counters", key]) },
    { head: "a sample", right: true, cell: (key) => num(["counters", key], "count", perSample) },
    { head: "of it sums", right: true, cell: (key) => (key in report.sums ? num(["sums", key], "count", perSample) : "") },
    { head: "what it counts", name: true, cell: (key) => report.definitions[key] ?? "" },
  ];
  const host = Object.entries(report.host_ops);
  const on = host.length ? el("p", {}, num(["host_mac_share"], "share"), ` of the multiply-accumulates are done by the host: ${host.map(([name, operators]) => `${name} (${operators.join(", ")})`).join("; ")}.`) : null;
  const bench = report.neurobench ? el("div", {}, el("h3", { text: "NeuroBench's names" }), pairs(leaves(["neurobench"]).map(([path, value]) => [path.slice(1).join(" / "), value]))) : null;
  return section("operations", "Operations", table(columns, keys, { label: "counters" }), on, bench, codesTable());
}
function codesTable() {
  const codes = Object.entries(report.codes ?? {}).filter(([, row]) => row);
  if (codes.length < 2) return null;
  const columns = [{ head: "code", cell: ([code, row]) => (row.exact ? code : `${code} (inexact)`) }, { head: "accuracy", right: true, cell: ([code]) => num(["codes", code, "accuracy"], "share") }, { head: "ticks", right: true, cell: ([code]) => num(["codes", code, "n_ticks"]) },
    ...["events", "spikes", "synaptic_events"].map((key) => ({ head: key, right: true, cell: ([code]) => num(["codes", code, "counters", key], "count", perSample) })),
    ...estimates().map(([chip, e]) => ({ head: e.hardware.title, right: true, cell: ([code]) => num(["codes", code, "energy", chip, "picojoule"], "energy") }))];
  return el("div", {}, el("h3", { text: "In other event codes" }), table(columns, codes, { label: "event codes" }));
}
function hardwareSection() {
  const chips = chipSheets(Object.keys(report.energy), (key) => ["energy", key, "hardware"]);
  const papers = report.papers;
  const formula = el("div", {}, el("h3", { text: "The formula of the papers" }), el("p", {}, `${report.definitions.papers}. First layer: ${papers.first_layer.join(", ") || "none"}, `, num(["papers", "first_layer_macs"]), " MACs; ", num(["papers", "synaptic_operations"]), ` operations in the others.${papers.left_out.length ? ` Fed by sums instead of spikes, so that the formula has no term for them: ${papers.left_out.join(", ")}.` : ""}`));
  return section("hardware", "Hardware: what the figures cover and where they come from", ...chips, formula);
}
// What hardware files say; `path` leads to one in the JSON object.
function chipSheets(keys, path) {
  return keys.map((key) => {
    const hardware = at(path(key)), figure = (i, name) => num([...path(key), "figures", i, name]);
    const columns = [{ head: "counter", cell: (i) => hardware.figures[i].counter }, { head: "pJ", right: true, cell: (i) => figure(i, "picojoule") },
      ...(hardware.figures.some((f) => typeof f.low === "number") ? [{ head: "range", cell: (i) => (typeof hardware.figures[i].low === "number" ? el("span", {}, figure(i, "low"), " … ", figure(i, "high")) : "") }] : []),
      ...["covers", "process"].map((name) => ({ head: name, name: true, cell: (i) => hardware.figures[i][name] })),
      { head: "published in", name: true, cell: (i) => `${hardware.figures[i].publication}; ${hardware.figures[i].table}` }, { head: "how", cell: (i) => hardware.figures[i].basis }, { head: "checked", name: true, cell: (i) => hardware.figures[i].evidence }];
    return el("div", {}, el("h3", { text: `${hardware.title} (${hardware.process})` }), el("p", { text: hardware.note }), hardware.figures.length ? table(columns, hardware.figures.map((_, i) => i), { label: `figures of ${hardware.title}` }) : null, systems(hardware));
  });
}
function systems(hardware) {
  if (!hardware.systems?.length) return null;
  const columns = ["what", "value", "unit", "covers", "publication", "table", "basis", "evidence"].map((key) => ({ head: key, name: true, cell: (row) => shown(row[key]) }));
  return el("div", {}, el("p", { class: "note", text: "Measured whole networks; no estimate is made from them." }), table(columns, hardware.systems, { label: `measured on ${hardware.title}` }));
}
function definitionsSection() {
  const list = el("dl", {});
  for (const [word, meaning] of Object.entries(report.definitions)) list.append(el("dt", {}, el("code", { text: word })), el("dd", { text: meaning }));
  return section("definitions", "Definitions", list);
}
function provenanceSection() {
  const rows = leaves(["provenance"]).map(([path, value]) => [path.slice(1).join("."), value]);
  const first = rows.filter(([key]) => !key.startsWith("rounding.")), rest = rows.filter(([key]) => key.startsWith("rounding."));
  first.unshift(["graph counted (sha256)", report.graph_hash]);
  return section("provenance", "Where this comes from", pairs(first), rest.length ? el("details", {}, el("summary", { text: `What rounding weights and biases cost: ${grouped(rest.length)} values` }), pairs(rest.slice(0, 2000))) : null);
}
