// Distributions over the data set, by class, over time; early exit. Absent where not gathered.
function statisticsSection() {
  const s = report.statistics;
  if (!s) return null;
  const parts = [sampleTable(s), histograms(s), timePlot(s), classTable(s), exitPlot(s)].filter(Boolean);
  if (!parts.length) return null;
  return section("statistics", "Over the data set", ...parts);
}
function metricPaths(s) {
  const found = [];
  for (const key of Object.keys(s.per_sample ?? {})) found.push([key, ["statistics", "per_sample", key], "count"]);
  for (const chip of Object.keys(s.picojoule ?? {})) if (s.picojoule[chip]) found.push([`energy, ${report.energy[chip]?.hardware.title ?? chip}`, ["statistics", "picojoule", chip], "energy"]);
  return found;
}
function sampleTable(s) {
  const rows = metricPaths(s);
  if (!rows.length) return null;
  const columns = [{ head: "of one sample", name: true, cell: (row) => row[0] }, ...["mean", "low", "high", "std", "min", "q05", "median", "q95", "max"].map((key) => ({ head: { low: "interval from", high: "to", q05: "5 %", q95: "95 %" }[key] ?? key, right: true, cell: (row) => num([...row[1], key], row[2]) }))];
  return el("div", {}, table(columns, rows, { label: "per sample" }), typeof s.confidence === "number" ? el("p", { class: "note" }, "Interval of the mean at a confidence of ", num(["statistics", "confidence"], "share"), s.interval ? `: ${s.interval}` : "") : null);
}
function histograms(s) {
  const rows = metricPaths(s).filter(([, path]) => at([...path, "histogram"])?.n_samples?.length > 1);
  if (!rows.length) return null;
  return el("div", { class: "columns" }, ...rows.map(([name, path, format]) => {
    const { edges, n_samples: amounts } = at([...path, "histogram"]);
    const most = Math.max(...amounts, 1), plot = svg("svg", { class: "plot", viewBox: "0 0 400 130", role: "img", "aria-label": `${name}: histogram over samples` });
    amounts.forEach((amount, i) => plot.append(svg("rect", { x: 10 + (380 * i) / amounts.length, y: 105 - (90 * amount) / most, width: 380 / amounts.length - 1, height: (90 * amount) / most, style: "fill:var(--c0)" }, svg("title", {}, `${FORMATS[format](edges[i])} … ${FORMATS[format](edges[i + 1])}: ${grouped(amount)} samples`))));
    for (const [x, i, anchor] of [[10, 0, "start"], [390, edges.length - 1, "end"]]) plot.append(marked(text(x, 122, FORMATS[format](edges[i]), anchor), [...path, "histogram", "edges", i], format));
    return el("figure", {}, plot, el("figcaption", { text: `${name}: samples by amount` }));
  }));
}
function timePlot(s) {
  const events = s.by_tick?.events;
  if (!events || events.length < 2) return null;
  return el("figure", {}, lines([events], [], { label: "events in each tick, mean of a sample", xTitle: "tick", low: 0, high: Math.max(...events) }), el("figcaption", { text: "Events in each tick, mean over the samples." }));
}
function classTable(s) {
  const labels = Object.keys(s.by_class ?? {});
  if (!labels.length) return null;
  const path = (label, key) => { const value = s.by_class[label][key]; return ["statistics", "by_class", label, key, ...(value !== null && typeof value === "object" ? ["mean"] : [])]; };
  const keys = Object.keys(s.by_class[labels[0]]).filter((key) => typeof at(path(labels[0], key)) === "number");
  const columns = [{ head: "class", value: (label) => Number(label), cell: (label) => label }, ...keys.map((key) => ({ head: key, right: true, value: (label) => at(path(label, key)), cell: (label) => num(path(label, key), key === "accuracy" ? "share" : key === "picojoule" ? "energy" : "count") }))];
  return el("div", {}, el("h3", { text: "By class" }), table(columns, labels, { label: "by class", search: (label) => label }));
}
function exitPlot(s) {
  const exit = s.early_exit;
  if (!exit || !(exit.ticks?.length > 1)) return null;
  const curves = [["accuracy", exit.accuracy], ["agreement with the last tick", exit.agreement]].filter(([, values]) => values);
  return el("figure", {}, el("h3", { text: "Early exit" }), legend(curves.map(([name], i) => [name, colour(i)])), lines(curves.map(([, values]) => values), [], { label: "accuracy against ticks", xTitle: "tick", xs: exit.ticks, low: 0, high: 1 }), el("figcaption", { text: `Were the output read at that tick: code ${exit.code ?? report.code}, ${exit.schedule ?? report.schedule}.` }));
}
