// Activity maps: what each neuron sent, channel by channel as the population is shaped.
function activitySection() {
  const raster = pictures.raster;
  const maps = pictures.mean_counts ?? null;
  if (!raster && !maps) return null;
  const sources = [...(maps ? [["mean", "mean of the run"]] : []), ...(raster ? [["sample", `sample ${raster.sample}`]] : [])];
  const state = { source: sources[0][0] };
  const readout = el("div", { class: "readout", role: "status" });
  let map = null;
  const field = canvas("Activity of each neuron of the population", 320, (pen, width, height) => { map = drawMap(pen, width, height, activityOf(state.source), readout); });
  const draw = () => field.paint();
  field.addEventListener("pointermove", (event) => { const hit = map?.hit(event.offsetX, event.offsetY); if (hit) readout.textContent = hit.text; });
  field.addEventListener("click", (event) => { const hit = map?.hit(event.offsetX, event.offsetY); if (hit) choose({ neuron: hit.neuron }); });
  whenChanged(["population", "neuron", "theme"], draw);
  const chooser = populationChooser();
  const from = sources.length > 1 ? select("Counts", sources, state.source, (value) => { state.source = value; draw(); }) : null;
  const channels = el("div");
  const drawChannels = () => channels.replaceChildren(...channelTable());
  drawChannels();
  whenChanged(["population"], drawChannels);
  return section("activity", "Activity", meanBars() ?? "", el("h3", { text: "Neuron by neuron" }), el("div", { class: "controls" }, chooser, from), el("figure", {}, field, readout,
    el("figcaption", { text: "One square a neuron: channels side by side, each in its rows and columns. Dark is silent, bright is the busiest neuron of this population." })), channels);
}
function channelTable() {
  const path = (key, i) => ["by_population", chosen.population, "by_channel", key, i];
  const rows = report.by_population[chosen.population]?.by_channel;
  if (!rows || rows.dead_share.length < 2) return [];
  const column = (head, key, format) => ({ head, right: true, value: (i) => at(path(key, i)), cell: (i) => num(path(key, i), format) });
  const range = (i) => el("span", { class: "quiet" }, num(path("mean_count_low", i)), " … ", num(path("mean_count_high", i)));
  const columns = [{ head: "channel", right: true, value: (i) => i, cell: (i) => grouped(i) }, ...(rows.mean_count ? [column("mean count", "mean_count", "count")] : []), ...(rows.mean_count_low ? [{ head: "interval", right: true, cell: range }] : []),
    column("dead neurons", "dead_share", "share"), ...(rows.saturated_share ? [column("at the bound", "saturated_share", "share")] : [])];
  return [el("details", { open: rows.dead_share.length <= 16 }, el("summary", { text: `Channel by channel: ${chosen.population}` }), table(columns, rows.dead_share.map((_, i) => i), { label: "channels" }), el("p", { class: "note", text: "Mean count of a neuron in one frame with its interval over samples; share of neurons that never emitted; share of neurons and frames at the largest or smallest count." }))];
}
function populationChooser() {
  const box = el("span");
  const names = pictures.network.nodes.map((node) => node.name).filter((name) => name in report.by_population);
  const draw = () => box.replaceChildren(select("Population", names.map((name) => [name, name]), chosen.population, (name) => choose({ population: name, neuron: null })));
  draw();
  whenChanged(["population"], draw);
  return box;
}
function meanBars() {
  const names = Object.keys(report.by_population).filter((name) => typeof report.by_population[name].mean_count === "number");
  if (!names.length) return null;
  const mean = (name) => report.by_population[name].mean_count;
  const most = Math.max(...names.map(mean), Number.MIN_VALUE);
  const rows = names.slice(0, LAYERS_AT_ONCE).map((name) => ({ label: name, bar: [[mean(name) / most, colour(2), ""]], value: [num(["by_population", name, "mean_count"])] }));
  return el("figure", {}, bars(rows), el("figcaption", { text: `Mean |count| of a neuron in one frame${names.length > LAYERS_AT_ONCE ? `; the first ${LAYERS_AT_ONCE} of ${grouped(names.length)} populations` : ""}. Populations that pass sums on have none.` }));
}
function activityOf(source) {
  const node = pictures.network.nodes.find((n) => n.name === chosen.population);
  if (source === "mean") return { node, values: pictures.mean_counts[chosen.population] ?? null };
  const sent = pictures.raster.populations.find((p) => p.name === chosen.population);
  if (!sent) return { node, values: null };
  const values = new Float64Array(sent.size);
  for (let i = 0; i < sent.neuron.length; i++) {
    const last = Math.min(sent.size, sent.neuron[i] + sent.step[1]);
    for (let n = sent.neuron[i]; n < last; n++) values[n] += Math.abs(sent.payload[i]) / (last - sent.neuron[i]);
  }
  return { node, values };
}
// Channels as tiles of rows x columns; a vector is folded into a near square.
function tiling(shape) {
  const size = shape.reduce((a, b) => a * b, 1);
  let [rows, columns] = shape.length > 1 ? shape.slice(-2) : [1, size];
  if (rows * columns === 1 || rows === 1) [rows, columns] = [1, 1];
  const tiles = size / (rows * columns);
  return { rows, columns, tiles };
}
function drawMap(pen, width, height, { node, values }, readout) {
  pen.fillStyle = ink("--ink");
  if (!values) { pen.fillText("This page holds no counts of this population: it sends none, or is too large.", 12, 24); return null; }
  const { rows, columns, tiles } = tiling(node.shape);
  const gap = rows > 1 ? 2 : 0;
  let best = { scale: 0, across: 1 };
  for (let across = 1; across <= tiles; across = across < 64 ? across + 1 : Math.ceil(across * 1.05)) {
    const down = Math.ceil(tiles / across);
    const scale = Math.min((width - 8) / (across * (columns + gap)), (height - 8) / (down * (rows + gap)));
    if (scale > best.scale) best = { scale, across };
  }
  const scale = best.scale >= 2 ? Math.floor(Math.min(best.scale, 40)) : best.scale;
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  const box = (neuron) => {
    const tile = Math.floor(neuron / (rows * columns));
    const inside = neuron % (rows * columns);
    return [4 + ((tile % best.across) * (columns + gap) + (inside % columns)) * scale, 4 + (Math.floor(tile / best.across) * (rows + gap) + Math.floor(inside / columns)) * scale];
  };
  const edge = scale > 5 ? 1 : 0;
  for (let n = 0; n < values.length; n++) {
    const [x, y] = box(n);
    pen.fillStyle = `rgb(${viridis(most ? values[n] / most : 0)})`;
    pen.fillRect(x, y, Math.max(scale - edge, 0.5), Math.max(scale - edge, 0.5));
  }
  if (chosen.neuron !== null && chosen.neuron < values.length) {
    const [x, y] = box(chosen.neuron);
    pen.strokeStyle = ink("--c1");
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, Math.max(scale, 3) + 2, Math.max(scale, 3) + 2);
  }
  readout.textContent = `${node.name}, shape ${node.shape.join(" × ")}; brightest ${plain(most, 4)}`;
  const hit = (px, py) => {
    const cx = Math.floor((px - 4) / scale), cy = Math.floor((py - 4) / scale);
    const tile = Math.floor(cy / (rows + gap)) * best.across + Math.floor(cx / (columns + gap));
    const inRow = cy % (rows + gap), inColumn = cx % (columns + gap);
    if (cx < 0 || cy < 0 || cx >= best.across * (columns + gap) || tile >= tiles || inRow >= rows || inColumn >= columns) return null;
    const neuron = tile * rows * columns + inRow * columns + inColumn;
    return { neuron, text: `${node.name}, neuron ${grouped(neuron)}: ${plain(values[neuron], 4)}` };
  };
  return { hit };
}
