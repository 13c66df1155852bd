// Elements, and numbers that tell where in the JSON object they come from.
function el(tag, options = {}, ...children) {
  const { text, ...attributes } = options;
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const UNITS = [[1e12, "J"], [1e9, "mJ"], [1e6, "µJ"], [1e3, "nJ"], [1, "pJ"]];
const grouped = (value, digits = 0) => value.toLocaleString("en-US", { maximumFractionDigits: digits });
const plain = (value, digits) => {
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  return size !== 0 && (size < 1e-4 || size >= 1e15) ? String(rounded) : grouped(rounded, 12);
};
const FORMATS = {
  count: (value) => (Number.isInteger(value) || Math.abs(value) >= 1e4 ? grouped(value) : plain(value, 4)),
  energy: (value) => {
    const [factor, unit] = UNITS.find(([f]) => Math.abs(value) >= f) || UNITS.at(-1);
    return `${plain(value / factor, 3)} ${unit}`;
  },
  share: (value) => `${plain(100 * value, 4)} %`,
  times: (value) => `${plain(value, 3)} ×`,
  seconds: (value) => `${plain(value, 3)} s`,
};
function shown(value, format = "count") {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? FORMATS[format](value) : String(value);
}

// A number of the JSON object, divided by another one where `over` is given.
function num(path, format = "count", over = null) {
  const value = at(path);
  const divisor = over ? at(over) : 1;
  if (typeof value !== "number" || typeof divisor !== "number") return el("span", { text: shown(value, format) });
  return el("span", {
    text: FORMATS[format](value / divisor),
    "data-path": JSON.stringify(path),
    "data-over": over ? JSON.stringify(over) : null,
    "data-format": format,
  });
}

// An element of a plot whose words are a number of the JSON object.
function marked(element, path, format) {
  element.setAttribute("data-path", JSON.stringify(path));
  element.setAttribute("data-format", format);
  return element;
}

function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title`, text: title }), ...children);
}
function select(label, options, value, change) {
  const list = el("select", { onchange: (event) => change(event.target.value) });
  for (const [key, text] of options) list.append(el("option", { value: key, text, selected: key === value }));
  return el("label", { text: label }, list);
}
function colour(index) {
  return `var(--c${index % 8})`;
}
function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
function legend(entries) {
  const box = el("div", { class: "legend" });
  for (const [text, fill] of entries) box.append(el("span", {}, el("i", { style: `background:${fill}` }), text));
  return box;
}

// Rows of label, bar and number. A bar is a list of [share of the width, colour, tip].
function bars(rows) {
  const box = el("div", { class: "bars" });
  for (const row of rows) {
    const track = el("div", { class: "track", "aria-hidden": "true" });
    for (const [share, fill, tip] of row.bar) track.append(el("i", { style: `width:${100 * share}%;background:${fill}`, title: tip }));
    if (row.range) track.append(el("b", { style: `left:${100 * row.range[0]}%;width:${100 * Math.max(0, row.range[1] - row.range[0])}%` }));
    box.append(el("div", { class: "label", title: row.label, text: row.label }), el("div", { class: "value" }, ...row.value), track);
  }
  return box;
}

// A canvas as wide as the page, sharp on any screen, and what is drawn on it.
function canvas(label, height, draw) {
  const element = el("canvas", { tabindex: "0", role: "img", "aria-label": label });
  element.style.height = `${height}px`;
  element.paint = () => {
    const width = element.clientWidth;
    if (!width) return;
    const sharp = window.devicePixelRatio || 1;
    const high = element.clientHeight;
    element.width = Math.round(width * sharp);
    element.height = Math.round(high * sharp);
    const pen = element.getContext("2d");
    pen.scale(sharp, sharp);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    draw(pen, width, high);
  };
  new ResizeObserver(() => requestAnimationFrame(element.paint)).observe(element);
  return element;
}

const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
function viridis(share) {
  const place = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const low = Math.min(VIRIDIS.length - 2, Math.floor(place));
  return VIRIDIS[low].map((c, i) => Math.round(c + (place - low) * (VIRIDIS[low + 1][i] - c)));
}
