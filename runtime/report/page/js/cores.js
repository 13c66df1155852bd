// The chip's cores where they lie: coloured by population, by work, by use.
function coresSection() {
  const cores = pictures.cores;
  if (!cores || !report.mapping) return null;
  const n = cores.node.length;
  const kinds = { node: "population, first to last", events: "synaptic events in a tick", ...Object.fromEntries(Object.keys(cores.use).map((key) => [`use ${key}`, key])) };
  const state = { kind: "events" };
  const readout = el("div", { class: "readout", role: "status", text: `${grouped(n)} cores` });
  const values = () => (state.kind === "node" ? cores.node : state.kind === "events" ? cores.events : cores.use[state.kind.slice(4)]);
  let places = null;
  const wide = Math.max(...cores.x) + 1, high = Math.max(...cores.y) + 1;
  const field = canvas("Core map", Math.min(640, Math.max(60, 8 + Math.min(28, 1100 / wide) * high)), (pen, width, height) => {
    const scale = Math.min((width - 4) / wide, (height - 4) / high, 28);
    places = { scale };
    const shade = values();
    let most = 0;
    for (const value of shade) most = Math.max(most, value);
    const gap = scale > 4 ? 1 : 0;
    for (let i = 0; i < n; i++) {
      pen.fillStyle = `rgb(${viridis(most ? shade[i] / most : 0)})`;
      pen.fillRect(2 + cores.x[i] * scale, 2 + cores.y[i] * scale, Math.max(0.5, scale - gap), Math.max(0.5, scale - gap));
    }
    pen.strokeStyle = ink("--c1"); pen.lineWidth = 1.5;
    for (let i = 0; i < n; i++) if (cores.names[cores.node[i]] === chosen.population && scale > 2) pen.strokeRect(2 + cores.x[i] * scale, 2 + cores.y[i] * scale, scale - gap, scale - gap);
    pen.fillStyle = ink("--quiet");
    for (const at of cores.columns) pen.fillRect(1 + at * scale, 0, 1.5, 4 + high * scale);
    for (const at of cores.rows) pen.fillRect(0, 1 + at * scale, 4 + wide * scale, 1.5);
  });
  const find = (event) => {
    const x = Math.floor((event.offsetX - 2) / places.scale), y = Math.floor((event.offsetY - 2) / places.scale);
    for (let i = 0; i < n; i++) if (cores.x[i] === x && cores.y[i] === y) return i;
    return -1;
  };
  field.addEventListener("pointermove", (event) => {
    const i = find(event);
    if (i < 0) return;
    const use = Object.entries(cores.use).map(([key, each]) => `${key} ${grouped(each[i])}`).join(", ");
    readout.textContent = `core ${i}: ${cores.names[cores.node[i]]}; ${plain(cores.events[i], 4)} synaptic events in a tick; ${use}`;
  });
  field.addEventListener("click", (event) => { const i = find(event); if (i >= 0 && cores.names[cores.node[i]] in report.by_population) choose({ population: cores.names[cores.node[i]], neuron: null }); });
  whenChanged(["population", "theme"], () => field.paint());
  const m = report.mapping;
  const facts = [["chip", m.title ?? m.target], ["fits", m.fits], ["cores", num(["mapping", "n_cores"])], ["chips", num(["mapping", "n_chips"])]];
  for (const key of ["messages", "hops", "mean_hops", "hops_naive", "chip_crossings"]) if (typeof m.traffic?.[key] === "number") facts.push([`${key} of a frame`, num(["mapping", "traffic", key])]);
  const reasons = (m.fit_reasons ?? []).map((reason) => el("li", { text: `${reason.verdict}: ${reason.what} (${reason.where.slice(0, 4).join(", ")}${reason.where.length > 4 ? ", …" : ""}). ${reason.ways_out.join("; ")}` }));
  return section("cores", "Core map", pairs(facts), reasons.length ? el("ul", {}, ...reasons) : null, el("div", { class: "controls" }, select("Colour", Object.entries(kinds), state.kind, (kind) => { state.kind = kind; field.paint(); })), el("figure", {}, field, readout, el("figcaption", { text: "One square a core where it lies; lines are borders of chips; outlined are the cores of the chosen population. Dark is little, bright is the most." })));
}
