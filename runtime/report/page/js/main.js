// Builds the page.
const THEMES = ["light", "dark"];
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  chosen.theme = theme;
  redrawAll();
}
function save(name, type, content) {
  const link = el("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function csv() {
  const rows = Object.entries(report.by_population);
  const keys = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))].filter((key) => rows.every(([, row]) => row[key] === null || typeof row[key] !== "object"));
  const chips = estimates().map(([key]) => key);
  const quoted = (value) => { const words = value === null || value === undefined ? "" : String(value); return /[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words; };
  const lines = [["population", ...keys, ...chips.map((chip) => `picojoule_${chip}`)], ...rows.map(([name, row]) => [name, ...keys.map((key) => row[key]), ...chips.map((chip) => row.picojoule[chip] ?? 0)])];
  return lines.map((line) => line.map(quoted).join(",")).join("\n") + "\n";
}
function tools() {
  const box = document.getElementById("tools");
  const hardware = el("span");
  const draw = () => hardware.replaceChildren(select("Hardware", estimates().map(([key, e]) => [key, e.hardware.name]), chosen.hardware, (key) => choose({ hardware: key })));
  draw();
  whenChanged(["hardware"], draw);
  const theme = el("button", { id: "theme", text: "Theme", title: "Light or dark (key t)", onclick: () => setTheme(THEMES[1 - THEMES.indexOf(chosen.theme)]) });
  const file = report.model.replace(/[^\w.-]+/g, "_") || "report";
  box.append(estimates().length ? hardware : "", theme);
  if (report.counters) box.append(el("button", { text: "JSON", title: "The object of snnc report --json", onclick: () => save(`${file}.json`, "application/json", JSON.stringify(report, null, 1)) }), el("button", { text: "CSV", title: "One row for each population", onclick: () => save(`${file}.csv`, "text/csv", csv()) }));
  box.append(el("button", { text: "Print", onclick: () => window.print() }));
}
function keys() {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "t") setTheme(THEMES[1 - THEMES.indexOf(chosen.theme)]);
    if (event.key === "h" && estimates().length) {
      const names = estimates().map(([key]) => key);
      choose({ hardware: names[(names.indexOf(chosen.hardware) + 1) % names.length] });
    }
  });
  let before = null;
  window.addEventListener("beforeprint", () => { before = chosen.theme; setTheme("light"); });
  window.addEventListener("afterprint", () => setTheme(before ?? chosen.theme));
}
async function main() {
  const opened = await unpack(document.getElementById("data").textContent);
  report = opened.report;
  pictures = opened.pictures;
  const names = estimates().map(([key]) => key);
  const sends = pictures.raster?.populations.find((p) => p.n_events && !p.values && report.by_population[p.name]?.kind !== "input") ?? pictures.raster?.populations[0];
  Object.assign(chosen, { hardware: names[0] ?? null, population: sends?.name ?? Object.keys(report.by_population)[0] ?? null, theme: window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" });
  document.documentElement.dataset.theme = chosen.theme;
  const parts = report.counters ? reportParts() : [el("section", { id: "summary" }, el("h1", { text: report.model })), activitySection(), rasterSection(), membraneSection(), networkSection()].filter(Boolean);
  document.getElementById("page").replaceChildren(...parts);
  tools();
  keys();
  const contents = document.getElementById("contents");
  for (const part of parts.slice(1)) contents.append(el("a", { href: `#${part.id}`, text: CONTENTS[part.id] ?? part.id }));
  document.documentElement.dataset.ready = "yes";
}
function reportParts() {
  return [summary(), energySection(), energyByLayer(), layersSection(), operationsSection(), activitySection(), rasterSection(), membraneSection(), networkSection(), coresSection(), statisticsSection(), fidelitySection(), hardwareSection(), provenanceSection(), definitionsSection()].filter(Boolean);
}
const CONTENTS = { "energy-by-layer": "by layer", layers: "layers", network: "network", provenance: "origin", statistics: "data set" };
main().catch((error) => {
  document.getElementById("page").replaceChildren(el("p", { class: "bad", text: `This page cannot be shown: ${error.message}` }));
  throw error;
});
