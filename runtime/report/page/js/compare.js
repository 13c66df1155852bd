// Reports side by side: what each point is, what no other one beats, where the energy goes.
function comparisonParts() {
  return [comparisonSummary(), pointsSection(), paretoSection(), pointEnergies(), pointLayers(), pointExits(), section("hardware", "Hardware: what the figures cover and where they come from", ...chipSheets(Object.keys(report.chips), (key) => ["chips", key]), comparisonAssumptions()), pointOrigins(), definitionsSection()].filter(Boolean);
}
const pointIndices = () => report.points.map((_, i) => i);
const pointName = (i) => report.points[i].name + (report.points[i].exact ? "" : " (inexact)");
const unbeaten = (i) => (report.pareto[chosen.hardware] ?? []).includes(report.points[i].name);
// Sections that follow the choice of hardware draw themselves again.
function followsHardware(draw) {
  const box = el("div");
  const again = () => box.replaceChildren(...draw());
  again();
  whenChanged(["hardware"], again);
  return box;
}
function comparisonSummary() {
  const data = [...new Set(report.points.map((p) => p.data ?? "data"))];
  const amounts = [...new Set(report.points.map((p) => p.n_samples))];
  const one = data.length === 1 && amounts.length === 1;
  const facts = el("p", { class: "note" }, one ? `${data[0]}: ${grouped(amounts[0])} samples each.` : el("span", { class: "warn", text: `Not of the same samples: ${report.points.map((p) => `${p.name}: ${grouped(p.n_samples)} of ${p.data ?? "data"}`).join("; ")}.` }));
  return el("section", { id: "summary", "aria-label": "Summary" }, el("h1", { text: `Comparison of ${grouped(report.points.length)} reports` }), facts, followsHardware(() => [el("div", { class: "cards" }, ...comparisonCards())]));
}
function comparisonCards() {
  const least = (value) => pointIndices().filter((i) => typeof value(report.points[i]) === "number").sort((a, b) => value(report.points[a]) - value(report.points[b]))[0];
  const hardware = chosen.hardware;
  const right = least((p) => (p.accuracy === null ? null : -p.accuracy)), cheap = least((p) => p.picojoule[hardware]), quick = least((p) => p.n_ticks), few = least((p) => p.synaptic_events);
  const float = cheap !== undefined && ARITHMETIC.includes(hardware) && report.points[cheap].baseline.float > 0;
  const best = report.pareto[hardware] ?? [];
  return [
    right === undefined ? card("Highest accuracy", ["not measured"], ["No report has labels."]) : card("Highest accuracy", [num(["points", right, "accuracy"], "share")], [pointName(right)]),
    cheap === undefined ? card("Least energy a sample", ["not published"], ["No hardware with published figures was named."]) : card(`Least energy a sample, ${report.hardware[hardware]}`, [num(["points", cheap, "picojoule", hardware], "energy")], [pointName(cheap)],
      float && [num(["points", cheap, "picojoule", hardware], "times", ["points", cheap, "baseline", "float"]), " the float ANN's ", num(["points", cheap, "baseline", "float"], "energy")]),
    card("Fewest ticks a sample", [num(["points", quick, "n_ticks"])], [pointName(quick)]),
    card("Fewest synaptic events a sample", [num(["points", few, "synaptic_events"])], [pointName(few)]),
    card("Not beaten", [grouped(best.length)], [best.join("; ") || "no report has both an accuracy and an energy here"]),
  ];
}
function pointsSection() {
  const path = (i, ...keys) => ["points", i, ...keys];
  const column = (head, key, format = "count") => ({ head, right: true, value: (i) => at(path(i, key)), cell: (i) => num(path(i, key), format) });
  const differs = (key) => new Set(report.points.map((p) => p[key])).size > 1;
  const interval = (i) => (report.points[i].accuracy_low === null ? "" : el("span", { class: "quiet" }, num(path(i, "accuracy_low"), "share"), " … ", num(path(i, "accuracy_high"), "share")));
  const draw = () => [table([
    { head: "point", name: true, value: pointName, cell: (i) => el("span", { class: unbeaten(i) ? "ok" : null, text: pointName(i) + (unbeaten(i) ? " *" : "") }) },
    ...(differs("n_samples") ? [column("samples", "n_samples")] : []),
    column("accuracy", "accuracy", "share"), { head: "interval", right: true, cell: interval },
    column("ticks", "n_ticks"), column("spikes", "spikes"), column("synaptic events", "synaptic_events"), column("dense MACs", "dense_macs"), column("on the host", "host_mac_share", "share"),
    ...Object.keys(report.hardware).map((key) => ({ head: key, right: true, value: (i) => report.points[i].picojoule[key] ?? null, cell: (i) => num(path(i, "picojoule", key), "energy") })),
  ], pointIndices(), { label: "points", search: pointName }), el("p", { class: "note", text: `Numbers are of one sample. * : no other point is better in accuracy, energy on ${report.hardware[chosen.hardware] ?? "the hardware"} and ticks together. In code rate counts arrive inexactly: its accuracy is measured, not promised.` })];
  return section("points", "Point by point", followsHardware(draw));
}
function hardwareChoice() {
  const box = el("div", { class: "controls" });
  const draw = () => box.replaceChildren(select("Hardware", chipNames(), chosen.hardware, (key) => choose({ hardware: key })));
  draw();
  whenChanged(["hardware"], draw);
  return box;
}
function paretoSection() {
  if (!report.points.some((p) => p.accuracy !== null) || !chipNames().length) return null;
  const caption = el("figcaption", { text: "Accuracy against energy of one sample; the area of a disc is its ticks. Full discs are not beaten, dashed rims inexact." });
  return section("pareto", "Accuracy, energy, ticks", hardwareChoice(), el("figure", {}, followsHardware(paretoPlot), caption));
}
function paretoPlot() {
  const known = pointIndices().filter((i) => report.points[i].accuracy !== null && report.points[i].picojoule[chosen.hardware] > 0);
  if (!known.length) return [el("p", { text: "No point has both an accuracy and an energy on this hardware." })];
  const energy = (i) => report.points[i].picojoule[chosen.hardware], accuracy = (i) => report.points[i].accuracy;
  const width = Math.max(320, document.getElementById("page").clientWidth - 40), height = 360, left = 62, bottom = 40, top = 16, rightEdge = width - 24;
  const logs = Math.max(...known.map(energy)) / Math.min(...known.map(energy)) >= 5;
  const of = logs ? Math.log10 : (value) => value;
  const [x0, x1] = widened(known.map((i) => of(energy(i)))), [y0, y1] = widened(known.map(accuracy));
  const toX = (value) => left + ((of(value) - x0) / (x1 - x0)) * (rightEdge - left), toY = (value) => height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - top);
  const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Accuracy against energy" });
  for (const y of niceSteps(y0, y1, 5)) if (y <= 1) plot.append(svg("line", { class: "axis", x1: left, x2: rightEdge, y1: toY(y), y2: toY(y) }), text(left - 6, toY(y) + 4, FORMATS.share(y), "end"));
  const powers = []; for (let p = Math.floor(x0); p <= x1; p++) for (const m of [1, 2, 5]) powers.push(m * 10 ** p);
  for (const x of logs ? powers.filter((value) => of(value) >= x0 && of(value) <= x1) : niceSteps(Math.max(0, x0), x1, 6)) plot.append(svg("line", { class: "axis", x1: toX(x), x2: toX(x), y1: top, y2: height - bottom }), text(toX(x), height - bottom + 16, FORMATS.energy(x), "middle"));
  plot.append(text(rightEdge, height - 6, `energy of one sample, ${report.hardware[chosen.hardware]}`, "end"));
  const most = Math.max(...known.map((i) => report.points[i].n_ticks), 1), models = [...new Set(report.points.map((p) => p.model))];
  const ahead = known.filter(unbeaten).sort((a, b) => energy(a) - energy(b) || accuracy(b) - accuracy(a));
  let reached = 0; // of what costs no more: the line never falls
  const steps = ahead.map((i, k) => { reached = Math.max(reached, accuracy(i)); return `${k ? `H${toX(energy(i))}V` : `M${toX(energy(i))} `}${toY(reached)}`; });
  if (ahead.length > 1) plot.append(svg("path", { class: "edge", "stroke-dasharray": "4 3", d: steps.join("") }));
  const taken = [];
  known.forEach((i) => {
    const fill = colour(models.indexOf(report.points[i].model)), x = toX(energy(i)), y = toY(accuracy(i)), back = x > (left + rightEdge) / 2;
    const words = `${pointName(i)}: ${FORMATS.share(accuracy(i))}, ${FORMATS.energy(energy(i))}, ${grouped(report.points[i].n_ticks)} ticks`;
    plot.append(svg("circle", { cx: x, cy: y, r: 4 + 9 * Math.sqrt(report.points[i].n_ticks / most), style: `fill:${unbeaten(i) ? fill : "var(--panel)"};stroke:${fill};stroke-width:2`, "stroke-dasharray": report.points[i].exact ? "none" : "2 2", tabindex: 0, role: "img", "aria-label": words }, svg("title", {}, words)),
      svg("text", { x: back ? x - 16 : x + 16, y: free(taken, back ? x - 16 - 6.2 * pointName(i).length : x + 16, y, 6.2 * pointName(i).length), "text-anchor": back ? "end" : "start" }, pointName(i)));
  });
  return [plot];
}
// The nearest height beside a disc at which no other words stand.
function free(taken, x, y, wide) {
  const clear = (at) => taken.every((box) => Math.abs(box.y - at) >= 12 || x > box.x + box.wide || box.x > x + wide);
  const at = [-10, 18, -23, 31, -36, 44].map((shift) => y + shift).find(clear) ?? y - 10;
  taken.push({ x, y: at, wide });
  return at;
}
function widened(values) {
  const low = Math.min(...values), high = Math.max(...values), more = (high - low || Math.abs(high) || 1) * 0.15;
  return [low - more, high + more];
}
const STACKED = 7;
function pointEnergies() {
  if (!chipNames().length) return null;
  return section("energy", "Energy of one sample", hardwareChoice(), followsHardware(pointBars));
}
function pointBars() {
  const chip = chosen.hardware, known = pointIndices().filter((i) => typeof report.points[i].picojoule[chip] === "number");
  const sum = (paid) => Object.values(paid ?? {}).reduce((a, b) => a + b, 0);
  const layers = new Map();
  for (const i of known) for (const [name, paid] of Object.entries(report.points[i].by_layer[chip])) layers.set(name, Math.max(layers.get(name) ?? 0, sum(paid)));
  const kept = [...layers].sort((a, b) => b[1] - a[1]).slice(0, STACKED).map(([name]) => name), drawn = [...layers.keys()].filter((name) => kept.includes(name));
  const float = ARITHMETIC.includes(chip), of = (i) => report.points[i];
  const most = Math.max(...known.flatMap((i) => [of(i).picojoule_high[chip], of(i).picojoule[chip], ...(float ? [of(i).baseline.float ?? 0] : [])]), Number.MIN_VALUE);
  const rows = known.map((i) => {
    const others = Object.entries(of(i).by_layer[chip]).reduce((total, [name, paid]) => total + (kept.includes(name) ? 0 : sum(paid)), 0);
    const bar = drawn.filter((name) => sum(of(i).by_layer[chip][name]) > 0).map((name) => [sum(of(i).by_layer[chip][name]) / most, colour(drawn.indexOf(name)), `${name}: ${FORMATS.energy(sum(of(i).by_layer[chip][name]))}`]);
    if (others > 0) bar.push([others / most, colour(STACKED), `others: ${FORMATS.energy(others)}`]);
    const range = of(i).picojoule_low[chip] < of(i).picojoule_high[chip] ? [of(i).picojoule_low[chip] / most, of(i).picojoule_high[chip] / most] : null;
    return { label: pointName(i), bar, range, value: [num(["points", i, "picojoule", chip], "energy")] };
  });
  const anns = float ? known.filter((i) => known.findIndex((j) => of(j).model === of(i).model && of(j).graph_hash === of(i).graph_hash) === i) : [];
  for (const i of anns) for (const key of Object.keys(of(i).baseline)) rows.push({ label: `${of(i).model}: ${report.baselines[key]}`, bar: [[of(i).baseline[key] / most, colour(6), ""]], value: [num(["points", i, "baseline", key], "energy")] });
  return [legend([...drawn.map((name, i) => [name, colour(i)]), ...(layers.size > drawn.length ? [["other layers", colour(STACKED)]] : [])]), bars(rows),
    el("p", { class: "note", text: `Stacked by the layer that the energy is spent in; a line shows the range where publications differ.${float ? " Networks without spikes at 45 nm stand below." : ""}` })];
}
const POINT_METRICS = { energy: "energy of one sample", mean_count: "mean count", spikes: "spikes", synaptic_events: "synaptic events", dense_macs: "dense MACs", n_dead: "dead neurons", n_saturated: "saturated neurons", n_neurons: "neurons" };
function pointLayers() {
  const names = [...new Set(report.points.flatMap((p) => Object.keys(p.layers)))];
  if (!names.length) return null;
  const state = { metric: chipNames().length ? "energy" : "mean_count" };
  const path = (i, name) => ["points", i, "layers", name, ...(state.metric === "energy" ? ["picojoule", chosen.hardware] : [state.metric])];
  const box = el("div");
  const draw = () => box.replaceChildren(table([{ head: "layer", name: true, value: (name) => name, cell: (name) => name },
    ...pointIndices().map((i) => ({ head: pointName(i), right: true, value: (name) => at(path(i, name)), cell: (name) => num(path(i, name), state.metric === "energy" ? "energy" : "count") }))], names, { label: "layers", search: (name) => name }));
  draw();
  whenChanged(["hardware"], draw);
  const metric = select("Numbers", Object.entries(POINT_METRICS).filter(([key]) => key !== "energy" || chipNames().length), state.metric, (key) => { state.metric = key; draw(); });
  return section("layers", "Layer by layer, one sample", el("div", { class: "controls" }, metric, chipNames().length ? hardwareChoice() : null), box, el("p", { class: "note", text: "A dash: the point has no such layer, or nothing is counted there. What a chip pays as a whole stands in no layer." }));
}
function pointExits() {
  const known = pointIndices().filter((i) => report.points[i].early_exit?.ticks.length > 1);
  if (!known.length) return null;
  const key = known.every((i) => report.points[i].early_exit.accuracy) ? "accuracy" : "agreement", of = (i) => report.points[i].early_exit;
  const width = Math.max(320, document.getElementById("page").clientWidth - 40), height = 280, left = 62, bottom = 34, top = 10;
  const first = Math.min(...known.map((i) => of(i).ticks[0])), last = Math.max(...known.map((i) => of(i).ticks.at(-1)));
  const toX = (x) => left + ((x - first) / (last - first || 1)) * (width - left - 20), toY = (y) => height - bottom - y * (height - bottom - top);
  const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${key} against the tick at which the output is read` });
  for (const y of [0, 0.25, 0.5, 0.75, 1]) plot.append(svg("line", { class: "axis", x1: left, x2: width - 20, y1: toY(y), y2: toY(y) }), text(left - 6, toY(y) + 4, FORMATS.share(y), "end"));
  for (const x of niceSteps(first, last, 8, 1)) plot.append(text(toX(x), height - bottom + 16, grouped(x), "middle"));
  known.forEach((i, k) => plot.append(svg("path", { class: "curve", style: `stroke:${colour(k)}`, d: of(i).ticks.map((tick, j) => `${j ? `H${toX(tick).toFixed(1)}V` : `M${toX(tick).toFixed(1)} `}${toY(of(i)[key][j]).toFixed(1)}`).join("") })));
  return section("exits", "Early exit", legend(known.map((i, k) => [pointName(i), colour(k)])), el("figure", {}, plot, el("figcaption", { text: key === "accuracy" ? "Accuracy, were the output read at that tick." : "Share of samples whose class at that tick is the final one." })));
}
function comparisonAssumptions() {
  const rows = Object.entries(report.assumptions).flatMap(([chip, texts]) => texts.map((words) => [report.hardware[chip], words]));
  return rows.length ? el("details", { open: rows.length < 5 }, el("summary", { text: "What was assumed" }), pairs(rows)) : null;
}
function pointOrigins() {
  const columns = [{ head: "point", name: true, cell: pointName }, ...[["engine", "engine"], ["data", "data"], ["code", "code"], ["schedule", "schedule"], ["weight bits", "weight_bits"], ["D", "levels"], ["graph counted (sha256)", "graph_hash"], ["command", "command"]].map(([head, key]) => ({ head, name: true, cell: (i) => (key === "graph_hash" || key === "command" ? el("code", { text: shown(report.points[i][key]) }) : shown(report.points[i][key])) }))];
  return section("provenance", "Where this comes from", table(columns, pointIndices(), { label: "origins" }));
}
