// The event graph with live numbers. Only what is in view is drawn, words only where they fit.
const BOX = { width: 150, height: 46, stepX: 170, stepY: 84 };
const METRICS = {
  synaptic_events: "synaptic events a sample", spikes: "spikes a sample", events: "events a sample",
  mean_count: "mean count", energy: "energy a sample", n_neurons: "neurons",
};
function networkSection() {
  const { nodes, edges } = pictures.network;
  const state = { metric: report.counters ? "synaptic_events" : "spikes", x: 0, y: 0, scale: 1 };
  const plot = svg("svg", { class: "plot", tabindex: "0", role: "application", "aria-label": "Event graph: arrow keys go from node to node", style: "height:34rem" });
  plot.id = "network-plot";
  const details = el("div", { id: "network-details" });
  const draw = () => drawNetwork(plot, state, nodes, edges);
  const tell = () => { details.replaceChildren(...nodeDetails(nodes, edges)); draw(); };
  const fit = () => { fitNetwork(plot, state, nodes); draw(); };
  whenChanged(["hardware", "population"], tell);
  const begin = () => { fitNetwork(plot, state, nodes); readable(plot, state, nodes); draw(); };
  new ResizeObserver(() => requestAnimationFrame(begin)).observe(plot);
  steerNetwork(plot, state, draw, fit, nodes, edges);
  tell();
  const near = () => { centreOn(plot, state, nodes.find((node) => node.name === chosen.population)); draw(); };
  const controls = el("div", { class: "controls" }, select("Numbers", Object.entries(METRICS).filter(([key]) => report.counters || ["spikes", "events", "n_neurons"].includes(key)), state.metric, (key) => { state.metric = key; draw(); }), populationChooser(), el("button", { text: "Show it", onclick: near }), el("button", { text: "Whole network", onclick: fit }));
  return section("network", "The network as its event graph", el("p", { class: "note", text: `${grouped(nodes.length)} nodes and ${grouped(edges.length)} projections as they ran. Numbers on nodes and edges follow the choice of numbers and of hardware; wheel zooms, drag moves, arrow keys walk from node to node.` }), controls, kindLegend(nodes), el("figure", {}, plot), details);
}
function nodeNumber(node, metric) {
  const row = report.by_population[node.name];
  if (!row) return null;
  if (metric === "energy") return { value: row.picojoule[chosen.hardware] ?? null, path: ["by_population", node.name, "picojoule", chosen.hardware], format: "energy", over: null };
  const total = ["synaptic_events", "spikes", "events"].includes(metric);
  return { value: typeof row[metric] === "number" ? row[metric] : null, path: ["by_population", node.name, metric], format: "count", over: total ? perSample : null };
}
function fitNetwork(plot, state, nodes) {
  const xs = nodes.map((n) => n.x * BOX.stepX), ys = nodes.map((n) => n.y * BOX.stepY);
  const [x0, x1, y0, y1] = [Math.min(...xs) - BOX.width, Math.max(...xs) + BOX.width, Math.min(...ys) - BOX.height, Math.max(...ys) + BOX.height];
  const width = plot.clientWidth || 900, height = plot.clientHeight || 540;
  state.scale = Math.min(1.1, width / (x1 - x0), height / (y1 - y0));
  state.x = (x0 + x1) / 2 - width / 2 / state.scale;
  state.y = (y0 + y1) / 2 - height / 2 / state.scale;
}
// Of a deep network the top, at a size that can be read.
function readable(plot, state, nodes) {
  if (state.scale >= 0.55) return;
  const first = Math.min(...nodes.filter((n) => n.y === 0).map((n) => n.x));
  state.scale = 0.8;
  state.x = first * BOX.stepX - plot.clientWidth / 2 / state.scale;
  state.y = -BOX.height;
}
function centreOn(plot, state, node) {
  if (!node) return;
  state.scale = Math.max(state.scale, 0.9);
  state.x = node.x * BOX.stepX - plot.clientWidth / 2 / state.scale;
  state.y = node.y * BOX.stepY - plot.clientHeight / 2 / state.scale;
}
function drawNetwork(plot, state, nodes, edges) {
  const width = plot.clientWidth, height = plot.clientHeight, { scale } = state;
  if (!width) return;
  plot.setAttribute("viewBox", `${state.x} ${state.y} ${width / scale} ${height / scale}`);
  const margin = BOX.stepX;
  const inView = (x0, y0, x1, y1) => x1 > state.x - margin && x0 < state.x + width / scale + margin && y1 > state.y - margin && y0 < state.y + height / scale + margin;
  const place = (node) => [node.x * BOX.stepX, node.y * BOX.stepY];
  const visible = nodes.filter((node) => { const [x, y] = place(node); return inView(x, y, x, y); });
  const words = scale > 0.42 && visible.length < 400;
  const most = Math.max(...nodes.map((node) => nodeNumber(node, state.metric)?.value ?? 0), Number.MIN_VALUE);
  const busiest = Math.max(...edges.map((edge) => report.by_projection[edge.name]?.synaptic_events ?? 0), 1);
  const below = svg("g"), labels = svg("g"), above = svg("g");
  const quiet = [];
  for (const edge of edges) {
    const points = edgePoints(edge, nodes, place);
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    if (!inView(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys))) continue;
    const lit = [nodes[edge.source].name, nodes[edge.target].name].includes(chosen.population);
    if (!words && !lit) { quiet.push(edgePath(points)); continue; }
    const events = report.by_projection[edge.name]?.synaptic_events ?? 0;
    below.append(svg("path", { class: lit ? "edge lit" : "edge", d: edgePath(points), "stroke-width": 1 + 5 * Math.sqrt(events / busiest) }, svg("title", {}, edge.name)));
    if (words && report.by_projection[edge.name]) labels.append(edgeLabel(edge, points));
  }
  if (quiet.length) below.append(svg("path", { class: "edge", d: quiet.join(""), "stroke-width": 1 / scale }));
  for (const node of visible) above.append(nodeBox(node, place(node), state.metric, most, words, scale));
  plot.replaceChildren(below, above, labels);
}
function edgePoints(edge, nodes, place) {
  const [sx, sy] = place(nodes[edge.source]), [tx, ty] = place(nodes[edge.target]);
  if (edge.source === edge.target || edge.frames) return [[sx + BOX.width / 2, sy], [sx + BOX.width * 0.75, (sy + ty) / 2 - (sy === ty ? BOX.height : 0)], [tx + BOX.width / 2, ty]];
  return [[sx, sy + BOX.height / 2], ...edge.bends.map(([x, y]) => [x * BOX.stepX, y * BOX.stepY]), [tx, ty - BOX.height / 2]];
}
function edgePath(points) {
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i], middle = (y0 + y1) / 2;
    path += `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
  }
  return path;
}
function edgeLabel(edge, points) {
  const [a, b] = points.length > 2 ? [points[1], points[1]] : points;
  const path = ["by_projection", edge.name, "synaptic_events"];
  const value = at(path);
  const label = svg("text", { x: (a[0] + b[0]) / 2 + 4, y: (a[1] + b[1]) / 2 + 4, class: "quiet" }, typeof value === "number" ? FORMATS.count(value / report.n_samples) : "");
  if (typeof value === "number") mark(label, path, "count", perSample);
  return label;
}
function mark(element, path, format, over) {
  element.setAttribute("data-path", JSON.stringify(path));
  element.setAttribute("data-format", format);
  if (over) element.setAttribute("data-over", JSON.stringify(over));
}
const KIND_COLOURS = { input: "--c2", "input-part": "--c2", pattern: "--c2", "host-op": "--c7", output: "--c2", product: "--c5", accumulator: "--c6", "integer-fire": "--c0", max: "--c4" };
function kindLegend(nodes) {
  return legend([...new Set(nodes.map((node) => node.kind))].map((kind) => [kind, `var(${KIND_COLOURS[kind] ?? "--c3"})`]));
}
function nodeBox(node, [x, y], metric, most, words, scale) {
  const group = svg("g", { "data-node": node.name, style: "cursor:pointer" });
  const lit = node.name === chosen.population;
  const fill = `var(${KIND_COLOURS[node.kind] ?? "--c3"})`;
  group.addEventListener("click", () => choose({ population: node.name, neuron: null }));
  group.append(svg("title", {}, `${node.name} (${node.kind}), shape ${node.shape.join(" × ")}`));
  group.append(svg("rect", { class: lit ? "box lit" : "box", x: x - BOX.width / 2, y: y - BOX.height / 2, width: BOX.width, height: BOX.height, style: words ? "fill:var(--page)" : `fill:${fill};stroke-width:${lit ? 4 / scale : 0}` }));
  if (!words) return group;
  group.append(svg("rect", { x: x - BOX.width / 2, y: y - BOX.height / 2, width: 6, height: BOX.height, style: `fill:${fill}` }));
  const found = nodeNumber(node, metric);
  if (found && found.value !== null) group.append(svg("rect", { x: x - BOX.width / 2 + 6, y: y + BOX.height / 2 - 4, width: (BOX.width - 6) * (found.value / most), height: 4, style: "fill:var(--accent)" }));
  const name = node.name.length > 21 ? `…${node.name.slice(-20)}` : node.name;
  const number = svg("text", { x: x - BOX.width / 2 + 13, y: y + 13 }, found ? shown(found.value === null ? null : found.over ? found.value / report.n_samples : found.value, found.format) : node.shape.join(" × "));
  if (found && found.value !== null) mark(number, found.path, found.format, found.over);
  group.append(svg("text", { x: x - BOX.width / 2 + 13, y: y - 5, style: "font-weight:600" }, name), number);
  return group;
}
function nodeDetails(nodes, edges) {
  const index = nodes.findIndex((node) => node.name === chosen.population);
  if (index < 0) return [];
  const node = nodes[index], row = report.by_population[node.name];
  const ends = (key) => edges.filter((edge) => edge[key] === index);
  const name = (edge, key) => el("button", { text: nodes[edge[key]].name, onclick: () => choose({ population: nodes[edge[key]].name, neuron: null }) });
  const list = (found, key) => el("span", {}, ...found.flatMap((edge) => [name(edge, key), " ", report.by_projection[edge.name].synaptic_events === null ? "" : num(["by_projection", edge.name, "synaptic_events"], "count", perSample), "  "]));
  const facts = [["kind", node.kind], ["module", node.module_path], ["shape", node.shape.join(" × ")], ["comes from", list(ends("target"), "source")], ["goes to", list(ends("source"), "target")]];
  for (const key of ["mean_count", "spikes", "events", "synaptic_events"]) if (row && typeof row[key] === "number") facts.push([key, num(["by_population", node.name, key], "count", key === "mean_count" ? null : perSample)]);
  return [el("h3", { text: node.name }), pairs(facts.filter(([, value]) => value !== ""))];
}
function steerNetwork(plot, state, draw, fit, nodes, edges) {
  let asked = false;
  const soon = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } };
  plot.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = plot.getBoundingClientRect(), fx = event.clientX - box.left, fy = event.clientY - box.top;
    const scale = Math.min(3, Math.max(0.005, state.scale * (event.deltaY > 0 ? 0.8 : 1.25)));
    state.x += fx / state.scale - fx / scale; state.y += fy / state.scale - fy / scale;
    state.scale = scale;
    soon();
  }, { passive: false });
  let held = null;
  plot.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; });
  window.addEventListener("pointermove", (event) => {
    if (!held) return;
    state.x -= (event.clientX - held[0]) / state.scale; state.y -= (event.clientY - held[1]) / state.scale;
    held = [event.clientX, event.clientY];
    soon();
  });
  window.addEventListener("pointerup", () => { held = null; });
  plot.addEventListener("keydown", (event) => {
    const index = nodes.findIndex((node) => node.name === chosen.population);
    const next = { ArrowDown: () => edges.find((e) => e.source === index && e.target !== index)?.target, ArrowUp: () => edges.find((e) => e.target === index && e.source !== index)?.source, ArrowRight: () => beside(nodes, index, 1), ArrowLeft: () => beside(nodes, index, -1) }[event.key];
    if (event.key === "0") fit();
    if (!next) return;
    event.preventDefault();
    const to = nodes[next()];
    if (to) { centreOn(plot, { ...state }, to); choose({ population: to.name, neuron: null }); centreOn(plot, state, to); draw(); }
  });
}
function beside(nodes, index, way) {
  const row = nodes.map((node, i) => ({ ...node, i })).filter((node) => node.y === nodes[index]?.y).sort((a, b) => a.x - b.x);
  return row[row.findIndex((node) => node.i === index) + way]?.i;
}
