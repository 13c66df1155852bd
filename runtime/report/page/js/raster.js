// The spike raster: populations as bands, zoom and pan; many events are drawn as density.
const DOTS = 30000;
const BAND_GAP = 4;

function rasterSection() {
  const raster = pictures.raster;
  if (!raster) return null;
  const full = { t0: raster.first - 0.5, t1: raster.end - 0.5, y0: 0, y1: 1 };
  const view = { ...full };
  const bands = makeBands(raster.populations);
  const readout = el("div", { class: "readout", role: "status", text: "Wheel or + and − zoom, drag or arrow keys move, 0 shows everything, Shift zooms ticks alone." });
  const height = Math.min(900, Math.max(260, 60 + 34 * raster.populations.length));
  const field = canvas(`Spike raster of sample ${raster.sample}`, height, (pen, width, high) => drawRaster(pen, width, high, raster, bands, view));
  field.id = "raster-canvas";
  const rate = canvas("Events in each tick", 110, (pen, width, high) => drawRate(pen, width, high, raster, view));
  const paint = () => { clampView(view, full); field.dataset.view = JSON.stringify(view); field.paint(); rate.paint(); };
  steer(field, view, full, paint, (x, y) => {
    const found = hitRaster(raster, bands, view, field, x, y);
    if (found) readout.textContent = found.text;
    return found;
  });
  whenChanged(["theme", "population", "neuron"], paint);
  const toBand = () => {
    const band = bands.find((b) => b.name === chosen.population);
    if (band) { Object.assign(view, { t0: full.t0, t1: full.t1, y0: band.top, y1: band.top + band.height }); paint(); }
  };
  const controls = el("div", { class: "controls" }, populationChooser(), el("button", { text: "Zoom to population", onclick: toBand }), el("button", { text: "Show all", onclick: () => { Object.assign(view, full); paint(); } }));
  const how = raster.binned ? "Events are added up in bins." : "Every event of the sample is here.";
  return section("raster", "Spike raster", el("p", { class: "note", text: `Sample ${raster.sample}: ${grouped(raster.n_events)} events, ${grouped(raster.n_spikes)} unit spikes in ${grouped(raster.n_ticks)} ticks; code ${raster.code}, ${raster.schedule}. ${how}` }), controls, el("figure", {}, field, rate, readout));
}
// Bands from 0 to 1: as high as the square root of a population, so that small ones are seen.
function makeBands(populations) {
  const weights = populations.map((p) => Math.sqrt(p.size) + 2);
  const total = weights.reduce((a, b) => a + b, 0);
  let top = 0;
  return populations.map((p, i) => {
    const band = { name: p.name, size: p.size, top, height: weights[i] / total };
    top += band.height;
    return band;
  });
}
const LEFT = 130;
function clampView(view, full) {
  for (const [a, b, least] of [["t0", "t1", 2], ["y0", "y1", 1e-7]]) {
    const whole = full[b] - full[a];
    const span = Math.min(whole, Math.max(Math.min(least, whole), view[b] - view[a]));
    const middle = (view[a] + view[b]) / 2;
    view[a] = Math.min(Math.max(full[a], middle - span / 2), full[b] - span);
    view[b] = view[a] + span;
  }
}
function steer(field, view, full, paint, hover) {
  const place = (x, y) => [(x - leftOf(field)) / (field.clientWidth - leftOf(field)), y / (field.clientHeight - 22)];
  const zoom = (factor, fx, fy, ticksOnly) => {
    const t = view.t0 + fx * (view.t1 - view.t0), y = view.y0 + fy * (view.y1 - view.y0);
    Object.assign(view, { t0: t - (t - view.t0) * factor, t1: t + (view.t1 - t) * factor });
    if (!ticksOnly) Object.assign(view, { y0: y - (y - view.y0) * factor, y1: y + (view.y1 - y) * factor });
    paint();
  };
  const move = (dt, dy) => {
    const t = dt * (view.t1 - view.t0), y = dy * (view.y1 - view.y0);
    const shift = (a, b, by) => { const d = Math.max(full[a] - view[a], Math.min(full[b] - view[b], by)); view[a] += d; view[b] += d; };
    shift("t0", "t1", t); shift("y0", "y1", y);
    paint();
  };
  field.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8, ...place(event.offsetX, event.offsetY), event.shiftKey); }, { passive: false });
  let held = null, moved = false;
  field.addEventListener("pointerdown", (event) => { held = [event.offsetX, event.offsetY]; moved = false; field.setPointerCapture(event.pointerId); });
  field.addEventListener("pointermove", (event) => {
    if (!held) { hover(event.offsetX, event.offsetY); return; }
    const [dx, dy] = [event.offsetX - held[0], event.offsetY - held[1]];
    if (!moved && Math.hypot(dx, dy) < 4) return;
    moved = true;
    held = [event.offsetX, event.offsetY];
    move(-dx / (field.clientWidth - leftOf(field)), -dy / (field.clientHeight - 22));
  });
  field.addEventListener("pointerup", (event) => {
    held = null;
    const found = moved ? null : hover(event.offsetX, event.offsetY);
    if (found) choose({ population: found.population, neuron: found.neuron });
  });
  field.addEventListener("keydown", (event) => {
    const keys = { "+": () => zoom(0.7, 0.5, 0.5, event.shiftKey), "=": () => zoom(0.7, 0.5, 0.5, false), "-": () => zoom(1.4, 0.5, 0.5, event.shiftKey), 0: () => { Object.assign(view, full); paint(); }, ArrowLeft: () => move(-0.2, 0), ArrowRight: () => move(0.2, 0), ArrowUp: () => move(0, -0.2), ArrowDown: () => move(0, 0.2) };
    if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
  });
}
const leftOf = (field) => (field.clientWidth < 560 ? 70 : LEFT);
function lowerBound(values, wanted) {
  let low = 0, high = values.length;
  while (low < high) { const middle = (low + high) >> 1; if (values[middle] < wanted) low = middle + 1; else high = middle; }
  return low;
}
function drawRaster(pen, width, height, raster, bands, view) {
  const left = width < 560 ? 70 : LEFT, bottom = height - 22;
  const toX = (tick) => left + ((tick - view.t0) / (view.t1 - view.t0)) * (width - left);
  const toY = (place) => ((place - view.y0) / (view.y1 - view.y0)) * bottom;
  const shownBands = bands.map((band, i) => ({ ...band, i, low: toY(band.top), high: toY(band.top + band.height) })).filter((b) => b.high > 0 && b.low < bottom);
  let count = 0;
  for (const band of shownBands) {
    const sent = raster.populations[band.i];
    band.first = lowerBound(sent.tick, view.t0 + 0.5 - sent.step[0]);
    band.last = lowerBound(sent.tick, view.t1 + 0.5);
    count += band.last - band.first;
  }
  pen.save();
  pen.beginPath(); pen.rect(left, 0, width - left, bottom); pen.clip();
  for (const band of shownBands) {
    const gap = band.high - band.low > 12 ? BAND_GAP : 0;
    if (band.name === chosen.population) { pen.fillStyle = ink("--line"); pen.globalAlpha = 0.5; pen.fillRect(left, band.low, width - left, band.high - band.low - gap); pen.globalAlpha = 1; }
    drawBand(pen, raster.populations[band.i], band, { toX, gap, left, right: width, bottom, dots: count <= DOTS && !raster.binned });
  }
  pen.restore();
  drawBandNames(pen, shownBands, left, bottom);
  drawTicks(pen, view, toX, left, width, bottom);
}
function drawBand(pen, sent, band, { toX, gap, left, right, bottom, dots }) {
  const tall = (band.high - band.low - gap) / band.size;
  const wide = (toX(1) - toX(0)) * sent.step[0];
  const positive = ink(`--c${band.i % 8 === 1 ? 7 : band.i % 8}`), negative = ink("--c1");
  const neuron = chosen.population === band.name ? chosen.neuron : null;
  if (dots) {
    for (let i = band.first; i < band.last; i++) {
      const y = band.low + sent.neuron[i] * tall;
      if (y > bottom || y + tall < 0) continue;
      pen.fillStyle = sent.neuron[i] === neuron ? ink("--ink") : sent.payload[i] < 0 ? negative : positive;
      pen.fillRect(toX(sent.tick[i]) - Math.max(1.2, wide * 0.8) / 2, y, Math.max(1.2, wide * 0.8), Math.max(1.2, tall * 0.85));
    }
    return;
  }
  // density: events in cells of 2 pixels, as the share of the band's fullest cell
  const cell = 2, across = Math.ceil((right - left) / cell), low = Math.max(0, band.low), down = Math.ceil((Math.min(bottom, band.high - gap) - low) / cell);
  if (down < 1) return;
  const cells = new Float32Array(across * down);
  const weigh = sent.step[0] > 1 || sent.step[1] > 1;
  for (let i = band.first; i < band.last; i++) {
    const x0 = Math.max(0, Math.floor((toX(sent.tick[i] - 0.5) - left) / cell)), y0 = Math.floor((band.low + sent.neuron[i] * tall - low) / cell);
    const x1 = Math.min(across - 1, Math.max(x0, Math.floor((toX(sent.tick[i] - 0.5) + wide - left) / cell - 0.01))), y1 = Math.min(down - 1, Math.max(y0, Math.floor((band.low + (sent.neuron[i] + sent.step[1]) * tall - low) / cell - 0.01)));
    for (let y = Math.max(0, y0); y <= y1; y++) for (let x = x0; x <= x1; x++) cells[y * across + x] += weigh ? sent.payload[i] : 1;
  }
  let most = 0;
  for (const value of cells) most = Math.max(most, value);
  pen.fillStyle = positive;
  for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) {
    const value = cells[y * across + x];
    if (!value) continue;
    pen.globalAlpha = 0.2 + 0.8 * Math.sqrt(value / most);
    pen.fillRect(left + x * cell, low + y * cell, cell, cell);
  }
  pen.globalAlpha = 1;
}
function drawBandNames(pen, bands, left, bottom) {
  pen.textAlign = "right"; pen.textBaseline = "middle";
  let free = -Infinity;
  for (const band of bands) {
    const low = Math.max(0, band.low), high = Math.min(bottom, band.high), middle = (low + high) / 2;
    pen.fillStyle = ink("--line"); pen.fillRect(0, low, left, 1);
    if (middle - free < 12) continue;
    free = middle;
    pen.fillStyle = ink(band.name === chosen.population ? "--accent" : "--ink");
    let text = band.name;
    while (text.length > 3 && pen.measureText(text).width > left - 12) text = `…${text.slice(2)}`;
    pen.fillText(text, left - 6, middle);
  }
}
function drawTicks(pen, view, toX, left, width, bottom) {
  pen.textAlign = "center"; pen.textBaseline = "top"; pen.fillStyle = ink("--quiet");
  for (const tick of niceSteps(view.t0, view.t1, Math.max(2, Math.floor((width - left) / 80)), 1)) {
    pen.fillRect(toX(tick), bottom, 1, 4);
    pen.fillText(grouped(tick), Math.min(width - 14, toX(tick)), bottom + 6);
  }
  pen.textAlign = "right"; pen.fillText("tick", left - 8, bottom + 6);
}
function niceSteps(low, high, wanted, least = 0) {
  const rough = Math.max((high - low) / wanted, least, 1e-12);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const out = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) out.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return out;
}
function hitRaster(raster, bands, view, field, x, y) {
  const left = leftOf(field), bottom = field.clientHeight - 22;
  if (x < left || y > bottom) return null;
  const tick = Math.round(view.t0 + ((x - left) / (field.clientWidth - left)) * (view.t1 - view.t0));
  const place = view.y0 + (y / bottom) * (view.y1 - view.y0);
  const band = bands.find((b) => place >= b.top && place < b.top + b.height);
  if (!band) return null;
  const gap = (band.height / (view.y1 - view.y0)) * bottom > 12 ? (BAND_GAP / bottom) * (view.y1 - view.y0) : 0;
  const neuron = Math.min(band.size - 1, Math.floor(((place - band.top) / (band.height - gap)) * band.size));
  const sent = raster.populations[bands.indexOf(band)];
  let payload = 0;
  for (let i = lowerBound(sent.tick, tick); i < sent.tick.length && sent.tick[i] === tick; i++) if (sent.neuron[i] === neuron) payload = sent.payload[i];
  const sends = raster.binned ? "" : payload ? `, payload ${grouped(payload)}` : ", no event";
  return { population: band.name, neuron, text: `tick ${grouped(tick)}, ${band.name}, neuron ${grouped(neuron)}${sends}` };
}
// Events in each tick of the chosen population, or of all: the histogram under the raster.
function drawRate(pen, width, height, raster, view) {
  const left = width < 560 ? 70 : LEFT, span = raster.end - raster.first, columns = Math.min(span, Math.floor((width - left) / 2));
  const each = span / columns, sums = new Float64Array(columns);
  for (const sent of raster.populations) {
    if (chosen.population !== null && sent.name !== chosen.population) continue;
    const weigh = sent.step[0] > 1 || sent.step[1] > 1;
    for (let i = 0; i < sent.tick.length; i++) sums[Math.min(columns - 1, Math.floor((sent.tick[i] - raster.first) / each))] += weigh ? sent.payload[i] : 1;
  }
  let most = 0;
  for (const value of sums) most = Math.max(most, value);
  const bottom = height - 6;
  const toX = (tick) => left + ((tick - 0.5 - view.t0) / (view.t1 - view.t0)) * (width - left);
  pen.save(); pen.beginPath(); pen.rect(left, 0, width - left, height); pen.clip();
  pen.fillStyle = ink("--c0");
  sums.forEach((value, i) => { if (value) pen.fillRect(toX(raster.first + i * each), bottom - (value / most) * (bottom - 14), Math.max(1, toX(each) - toX(0) - 1), (value / most) * (bottom - 14)); });
  pen.restore();
  pen.fillStyle = ink("--quiet"); pen.textAlign = "right"; pen.textBaseline = "top";
  pen.fillText("events", left - 8, 4);
  pen.fillText(each === 1 ? "a tick" : `in ${plain(each, 3)} ticks`, left - 8, 17);
  pen.fillText(`most ${plain(most / 1, 4)}`, left - 8, 30);
}
