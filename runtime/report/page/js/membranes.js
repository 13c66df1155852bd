// Membranes of chosen neurons, tick by tick, with the thresholds that they must reach.
function membraneSection() {
  const names = Object.keys(pictures.membranes);
  if (!pictures.raster) return null;
  if (!names.length) return section("membranes", "Membranes", el("p", { class: "note", text: "The network is too large for the page to hold its membranes: snnc trace --membranes writes them." }));
  const box = el("div");
  const state = { population: names[0], neuron: pictures.membranes[names[0]].busiest };
  const draw = () => {
    if (names.includes(chosen.population)) {
      state.population = chosen.population;
      const stored = [...pictures.membranes[state.population].neurons];
      if (chosen.neuron !== null && stored.includes(chosen.neuron)) state.neuron = chosen.neuron;
      else state.neuron = pictures.membranes[state.population].busiest;
    }
    box.replaceChildren(...membranePlot(names, state));
  };
  draw();
  whenChanged(["population", "neuron"], draw);
  return section("membranes", "Membranes", box);
}
function membranePlot(names, { population, neuron }) {
  const { neurons, values, thresholds } = pictures.membranes[population];
  const index = [...neurons].indexOf(neuron);
  const { first, end } = pictures.raster, n = end - first;
  const trace = values.subarray(index * n, (index + 1) * n);
  const levels = thresholds[index];
  const of = (size) => size > neurons.length ? ` The page holds ${neurons.length} of ${grouped(size)} neurons: those that send most, and some evenly spread.` : "";
  const size = report.by_population[population]?.n_neurons ?? neurons.length;
  const asked = chosen.population === population && chosen.neuron !== null && chosen.neuron !== neuron ? ` Neuron ${grouped(chosen.neuron)} is not among them.` : "";
  return [
    el("div", { class: "controls" }, select("Population", names.map((name) => [name, name]), population, (name) => choose({ population: name, neuron: null })),
      select("Neuron", [...neurons].map((i) => [String(i), grouped(i)]), String(neuron), (text) => choose({ population, neuron: Number(text) }))),
    el("figure", {}, lines([trace], levels, { label: `Membrane of neuron ${neuron} of ${population}`, xTitle: "tick", xs: Array.from(trace, (_, i) => first + i) }),
      el("figcaption", { text: `${population}, neuron ${grouped(neuron)}: membrane in integers at the end of each tick, before a latch clears it.${levels.length ? " Dashed: its thresholds." : ""}${of(size)}${asked}` })),
  ];
}
// A line plot as SVG: series over 0 … n − 1 (or over `xs`), dashed levels, axes with numbers.
function lines(series, levels, { label, xTitle, xs = null, low = null, high = null, marks = [] }) {
  const width = Math.max(320, document.getElementById("page").clientWidth - 40), height = 260, left = 70, bottom = 26, top = 10;
  const n = series[0].length;
  let least = low ?? Infinity, most = high ?? -Infinity;
  if (low === null) for (const values of series) for (const value of values) { least = Math.min(least, value); most = Math.max(most, value); }
  const next = levels.filter((level) => level > most)[0];
  for (const level of next === undefined ? levels : [...levels.filter((l) => l <= most), next]) { least = Math.min(least, level); most = Math.max(most, level); }
  if (least === most) { least -= 1; most += 1; }
  const first = xs ? xs[0] : 0, last = xs ? xs.at(-1) : Math.max(1, n - 1);
  const toX = (x) => left + ((x - first) / (last - first || 1)) * (width - left - 16);
  const toY = (y) => height - bottom - ((y - least) / (most - least)) * (height - bottom - top);
  const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const y of niceSteps(least, most, 5)) plot.append(svg("line", { class: "axis", x1: left, x2: width - 16, y1: toY(y), y2: toY(y) }), text(left - 6, toY(y) + 4, plain(y, 5), "end"));
  for (const x of niceSteps(first, last, Math.max(2, Math.floor(width / 90)), xs ? 0 : 1)) plot.append(text(toX(x), height - bottom + 16, plain(x, 5), "middle"));
  plot.append(text(left - 6, height - bottom + 16, xTitle, "end"));
  for (const level of levels) if (level >= least && level <= most) plot.append(svg("line", { class: "level", x1: left, x2: width - 16, y1: toY(level), y2: toY(level) }));
  series.forEach((values, i) => plot.append(svg("path", { class: "curve", style: `stroke:${colour(i)}`, d: curve(values, (j) => toX(xs ? xs[j] : j), toY, width - left) })));
  for (const [x, y, title] of marks) plot.append(svg("circle", { cx: toX(x), cy: toY(y), r: 4, fill: colour(1) }, svg("title", {}, title)));
  return plot;
}
function text(x, y, words, anchor) {
  return svg("text", { x, y, "text-anchor": anchor, class: "quiet" }, words);
}
// At most a lowest and a highest point for each pixel column.
function curve(values, toX, toY, pixels) {
  const n = values.length, each = Math.max(1, Math.floor(n / pixels));
  const points = [];
  for (let i = 0; i < n; i += each) {
    let low = i, high = i;
    for (let j = i; j < Math.min(n, i + each); j++) { if (values[j] < values[low]) low = j; if (values[j] > values[high]) high = j; }
    for (const j of low === high ? [low] : low < high ? [low, high] : [high, low]) points.push(`${toX(j).toFixed(1)} ${toY(values[j]).toFixed(1)}`);
  }
  return points.length === 1 ? `M${points[0]}h1` : `M${points.join("L")}`;
}
