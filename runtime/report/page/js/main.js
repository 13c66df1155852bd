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
  const draw = () => hardware.replaceChildren(select("Hardware", chipNames().map(([key]) => [key, key]), chosen.hardware, (key) => choose({ hardware: key })));
  draw();
  whenChanged(["hardware"], draw);
  const theme = el("button", { id: "theme", text: "Theme", title: "Light or dark (key t)", onclick: () => setTheme(THEMES[1 - THEMES.indexOf(chosen.theme)]) });
  const file = (report.model ?? "comparison").replace(/[^\w.-]+/g, "_") || "report";
  box.append(chipNames().length ? hardware : "", theme);
  const command = report.points ? "compare" : "report";
  if (report.counters || report.points) box.append(el("button", { text: "JSON", title: `The object of snnc ${command} --json`, onclick: () => save(`${file}.json`, "application/json", JSON.stringify(report, null, 1)) }));
  if (report.counters) box.append(el("button", { text: "CSV", title: "One row for each population", onclick: () => save(`${file}.csv`, "text/csv", csv()) }));
  box.append(el("button", { text: "Print", onclick: () => window.print() }));
}
function keys() {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "t") setTheme(THEMES[1 - THEMES.indexOf(chosen.theme)]);
    if (event.key === "h" && chipNames().length) {
      const names = chipNames().map(([key]) => key);
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
  Object.assign(chosen, { hardware: chipNames()[0]?.[0] ?? null, population: report.points ? null : firstPopulation(), theme: window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" });
  document.documentElement.dataset.theme = chosen.theme;
  const parts = report.points ? comparisonParts() : report.counters ? reportParts() : [el("section", { id: "summary" }, el("h1", { text: report.model })), activitySection(), rasterSection(), membraneSection(), networkSection()].filter(Boolean);
  document.getElementById("page").replaceChildren(...parts);
  tools();
  keys();
  const contents = document.getElementById("contents");
  for (const part of parts.slice(1)) contents.append(el("a", { href: `#${part.id}`, text: CONTENTS[part.id] ?? part.id }));
  document.documentElement.dataset.ready = "yes";
}
function firstPopulation() {
  const sends = pictures.raster?.populations.find((p) => p.n_events && !p.values && report.by_population[p.name]?.kind !== "input") ?? pictures.raster?.populations[0];
  return sends?.name ?? Object.keys(report.by_population)[0] ?? null;
}
function reportParts() {
  return [summary(), energySection(), energyByLayer(), layersSection(), operationsSection(), activitySection(), rasterSection(), membraneSection(), networkSection(), coresSection(), statisticsSection(), fidelitySection(), hardwareSection(), provenanceSection(), definitionsSection()].filter(Boolean);
}
const CONTENTS = { "energy-by-layer": "by layer", layers: "layers", network: "network", provenance: "origin", statistics: "data set", exits: "early exit" };
main().catch((error) => {
  document.getElementById("page").replaceChildren(el("p", { class: "bad", text: `This page cannot be shown: ${error.message}` }));
  throw error;
});
