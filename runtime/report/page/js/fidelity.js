// What `snnc verify` found, population by population.
const FIDELITY = { n_activations: "activations", n_near_threshold: "within rounding of a threshold", n_mismatches: "wrong", n_engine_mismatches: "differ between engines", changed_share: "changed by rounding" };
function fidelitySection() {
  const v = report.verification;
  if (!v) return section("fidelity", "Fidelity", el("p", {}, "Not checked in this report: run ", el("code", { text: "snnc verify SOURCE MODEL --data DATA --json" }), " and give its output with ", el("code", { text: "--verification" }), "."));
  const scalar = (value) => value !== null && typeof value !== "object";
  const top = Object.keys(v).filter((key) => scalar(v[key])).map((key) => [key, verdict(["verification", key])]);
  for (const key of ["promises", "rounding"]) if (v[key] && typeof v[key] === "object") for (const inner of Object.keys(v[key])) if (scalar(v[key][inner])) top.push([`${key}: ${inner}`, verdict(["verification", key, inner])]);
  const engines = (Array.isArray(v.engines) ? v.engines : []).flatMap((pair, i) => (pair && typeof pair === "object" ? [[`${pair.engine} against ${pair.against}`, el("span", {}, num(["verification", "engines", i, "n_mismatches"]), " of ", num(["verification", "engines", i, "n_values"]), " values differ")]] : []));
  return section("fidelity", "Fidelity", el("div", { class: "columns" }, pairs(top), engines.length ? pairs(engines) : null), populationFidelity(v));
}
function verdict(path) {
  const value = at(path);
  if (typeof value === "boolean") return el("span", { class: value ? "ok" : "bad", text: value ? "yes" : "no" });
  return typeof value === "number" ? num(path, /share|accuracy|agree/.test(path.at(-1)) ? "share" : "count") : shown(value);
}
function populationFidelity(v) {
  const rows = (Array.isArray(v.populations) ? v.populations : []).map((row, i) => [row, i]).filter(([row]) => row && typeof row === "object");
  if (!rows.length) return null;
  const keys = Object.keys(FIDELITY).filter((key) => rows.some(([row]) => typeof row[key] === "number"));
  const columns = [{ head: "population", name: true, value: ([row]) => String(row.name), cell: ([row]) => String(row.name) },
    ...keys.map((key) => ({ head: FIDELITY[key], right: true, value: ([row]) => row[key], cell: ([, i]) => num(["verification", "populations", i, key], key === "changed_share" ? "share" : "count") })),
    { head: "ok", value: ([row]) => String(row.ok), cell: ([row, i]) => (typeof row.ok === "boolean" ? verdict(["verification", "populations", i, "ok"]) : "") }];
  return table(columns, rows, { label: "fidelity by population", search: ([row]) => String(row.name) });
}
