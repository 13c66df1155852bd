// Energy of one sample: every estimate on one logarithmic axis, then layer by layer.
function energySection() {
  const rows = [
    ...Object.entries(report.baseline).map(([key, b]) => ({ label: `${b.title}, ${b.hardware}`, path: ["baseline", key], fill: colour(6) })),
    ...estimates().map(([key, e]) => ({ label: `spiking, ${e.hardware.title}`, path: ["energy", key], fill: colour(0) })),
    { label: "spiking, formula of the papers, 45 nm", path: ["papers"], fill: colour(4) },
  ].filter((row) => at(row.path).picojoule > 0);
  const lowest = (row) => at(row.path).picojoule_low || at(row.path).picojoule;
  const highest = (row) => at(row.path).picojoule_high || at(row.path).picojoule;
  const low = Math.floor(Math.log10(Math.min(...rows.map(lowest))) - 0.3);
  const high = Math.log10(Math.max(...rows.map(highest)));
  const place = (value) => (Math.log10(value) - low) / (high - low || 1);
  const drawn = rows.map((row) => ({
    label: row.label,
    bar: [[place(at(row.path).picojoule), row.fill, ""]],
    range: lowest(row) < highest(row) ? [place(lowest(row)), place(highest(row))] : null,
    value: [num([...row.path, "picojoule"], "energy")],
  }));
  const unpublished = Object.values(report.energy).filter((e) => e.picojoule === null).map((e) => e.hardware.title);
  return section("energy", "Energy of one sample",
    el("figure", {}, bars(drawn), el("figcaption", { text: `Logarithmic axis; a line shows the range where publications differ. Figures of 45 nm cover arithmetic only and compare with each other; a chip's figures cover what stands under Hardware.${unpublished.length ? ` No energy per operation is published for ${unpublished.join(", ")}.` : ""}` })),
    assumptions());
}
function assumptions() {
  const texts = new Map();
  for (const e of Object.values(report.energy)) for (const text of e.assumptions) texts.set(text, [...(texts.get(text) ?? []), e.hardware.title]);
  if (!texts.size) return null;
  return el("details", { open: texts.size < 5 }, el("summary", { text: "What was assumed" }), pairs([...texts].map(([text, titles]) => [titles.join(", "), text])));
}

const LAYERS_AT_ONCE = 40;
function energyByLayer() {
  const state = { sorted: false, limit: LAYERS_AT_ONCE };
  const box = el("div");
  const draw = () => box.replaceChildren(...layerBars(state, draw));
  draw();
  whenChanged(["hardware"], draw);
  const order = el("button", { text: "Largest first", "aria-pressed": "false", onclick: () => { state.sorted = !state.sorted; order.setAttribute("aria-pressed", state.sorted); draw(); } });
  const hardware = el("span");
  const choice = () => hardware.replaceChildren(select("Hardware", estimates().map(([key, e]) => [key, e.hardware.title]), chosen.hardware, (key) => choose({ hardware: key })));
  choice();
  whenChanged(["hardware"], choice);
  return section("energy-by-layer", "Energy by layer", el("div", { class: "controls" }, hardware, order), box);
}
function layerBars(state, draw) {
  const estimate = report.energy[chosen.hardware];
  if (!estimate || estimate.picojoule === null) return [el("p", { text: "No hardware with published figures was named." })];
  const parts = estimate.by_layer_figure ?? Object.fromEntries(Object.entries(estimate.by_layer).map(([name, pJ]) => [name, { energy: pJ }]));
  const keys = [...new Set(Object.values(parts).flatMap((part) => Object.keys(part)))].filter((key) => inTotal(estimate, key));
  const names = Object.keys(estimate.by_layer).filter((name) => estimate.by_layer[name] > 0 || Object.keys(estimate.by_layer).length < LAYERS_AT_ONCE);
  if (state.sorted) names.sort((a, b) => estimate.by_layer[b] - estimate.by_layer[a]);
  const most = Math.max(...names.map((name) => estimate.by_layer[name]), Number.MIN_VALUE);
  const rows = names.slice(0, state.limit).map((name) => ({
    label: name,
    bar: keys.filter((key) => parts[name]?.[key] > 0).map((key) => [parts[name][key] / most, colour(keys.indexOf(key)), `${key}: ${FORMATS.energy(parts[name][key])}`]),
    value: [num(["energy", chosen.hardware, "by_layer", name], "energy")],
  }));
  const out = [legend(keys.map((key, i) => [figureTitle(estimate, key), colour(i)])), bars(rows)];
  out.push(partsNote(estimate));
  if (names.length > state.limit) out.push(el("p", {}, `${grouped(state.limit)} of ${grouped(names.length)} layers. `, el("button", { text: "Show more", onclick: () => { state.limit *= 10; draw(); } })));
  return out;
}
// Is a figure's part of the energy added up in the total?
function inTotal(estimate, key) {
  const figure = estimate.hardware.figures.find((f) => f.key === key);
  return !figure || estimate.parts[figure.part]?.in_total !== false;
}
function partsNote(estimate) {
  const path = ["energy", chosen.hardware, "parts"];
  const words = Object.entries(estimate.parts).flatMap(([name, part]) => [`${name} `, num([...path, name, "picojoule"], "energy"), part.in_total ? "; " : " (not in the total); "]);
  return el("p", { class: "note" }, "Parts of the whole: ", ...words, "--include and --exclude choose what is added up.");
}
function figureTitle(estimate, key) {
  const figure = estimate.hardware.figures.find((f) => f.key === key);
  return figure ? `${key}: ${shown(figure.picojoule)} pJ × ${figure.counter}` : key;
}
