// The answers first: is accuracy kept, how many operations, what energy, does it fit the chip?
function card(title, big, ...lines) {
  return el("div", { class: "card" }, el("h3", { text: title }), el("div", { class: "big" }, ...big), ...lines.filter(Boolean).map((line) => el("p", {}, ...line)));
}
function summary() {
  const energy = el("div", { class: "card" });
  const drawEnergy = () => energy.replaceChildren(...energyCard().children);
  drawEnergy();
  whenChanged(["hardware"], drawEnergy);
  const facts = el("p", { class: "note" }, `${report.data ?? "data"}: `, num(["n_samples"]), " samples of ", num(["n_frames"]), ` frame${report.n_frames === 1 ? "" : "s"}, `, num(["n_ticks"]), ` ticks each; event code ${report.code}, ${report.schedule}; engine ${report.engine}; graph `, el("code", { text: report.graph_hash.slice(0, 16) }));
  return el("section", { id: "summary", "aria-label": "Summary" }, el("h1", { text: report.model }), facts, el("div", { class: "cards" }, accuracyCard(), operationsCard(), energy, exactCard(), fitCard()));
}
function accuracyCard() {
  const range = at(["statistics", "accuracy"]);
  const rounding = at(["verification", "rounding"]);
  const known = report.accuracy !== null;
  const source = rounding && typeof rounding.source_accuracy === "number";
  const agree = rounding && typeof rounding.predictions_agree === "number";
  const interval = range && typeof range.low === "number";
  const big = known ? [num(["accuracy"], "share")] : agree ? [num(["verification", "rounding", "predictions_agree"], "share")] : ["not measured"];
  return card(known || !agree ? "Accuracy, spiking" : "Predictions kept", big,
    interval && [`${shown(at(["statistics", "confidence"]), "share")} interval `, num(["statistics", "accuracy", "low"], "share"), " … ", num(["statistics", "accuracy", "high"], "share")],
    source && ["source model ", num(["verification", "rounding", "source_accuracy"], "share"), " on ", num(["verification", "n_samples"]), " verified samples"],
    agree && known && [num(["verification", "rounding", "predictions_agree"], "share"), " of predictions as the source's"],
    agree && !known && ["as the source's, on ", num(["verification", "n_samples"]), " verified samples; the data have no labels"],
    !known && !agree && ["The data have no labels; give --verification."]);
}
function operationsCard() {
  return card("Synaptic events a sample", [num(["counters", "synaptic_events"], "count", perSample)],
    [num(["counters", "synaptic_events"], "times", ["counters", "dense_macs"]), " the ", num(["counters", "dense_macs"], "count", perSample), " multiply-accumulates of the non-spiking network"],
    [num(["counters", "spikes"], "count", perSample), " unit spikes, ", num(["counters", "events"], "count", perSample), " events"],
    report.host_mac_share > 0 && [num(["host_mac_share"], "share"), " of the multiply-accumulates stay on the host"]);
}
const ARITHMETIC = ["45nm", "45nm-int8", "45nm-int32"];
function energyCard() {
  const estimate = report.energy[chosen.hardware];
  if (!estimate) return card("Energy a sample", ["not published"], ["No hardware with published figures was named."]);
  const path = ["energy", chosen.hardware];
  const comparable = ARITHMETIC.includes(chosen.hardware);
  const range = typeof estimate.picojoule_low === "number" && estimate.picojoule_low < estimate.picojoule_high;
  return card(`Energy a sample, ${estimate.hardware.title}`, [num([...path, "picojoule"], "energy")],
    range && ["published figures differ: ", num([...path, "picojoule_low"], "energy"), " … ", num([...path, "picojoule_high"], "energy")],
    comparable ? [num([...path, "picojoule"], "times", ["baseline", "float", "picojoule"]), " the float ANN's ", num(["baseline", "float", "picojoule"], "energy"), "; ", num([...path, "picojoule"], "times", ["baseline", "integer", "picojoule"]), " the integer ANN's"] : ["A chip's figures cover more than arithmetic: they are not set against the ANN's 45 nm arithmetic."]);
}
function exactCard() {
  const v = report.verification;
  if (!v) return card("Exactness", ["not checked"], ["Give the output of snnc verify --json with --verification."]);
  const word = el("span", { class: v.ok ? "ok" : "bad", text: v.ok ? "verified" : "differs" });
  const known = typeof v.n_mismatches === "number" && typeof v.n_activations === "number";
  return card("Exactness", [word], known && [num(["verification", "n_mismatches"]), " differences in ", num(["verification", "n_activations"]), " activations"]);
}
function fitCard() {
  const fit = report.mapping;
  const path = ["mapping"];
  if (!fit) return card("Fits the chip?", ["not mapped"], ["Name a chip with --map."]);
  const look = { yes: "ok", no: "bad" }[fit.fits] ?? "warn";
  return card(`Fits ${fit.title ?? fit.target}?`, [el("span", { class: look, text: fit.fits })],
    [num([...path, "n_cores"]), ` core${fit.n_cores === 1 ? "" : "s"}`, ...(fit.n_chips === null ? [] : [" on ", num([...path, "n_chips"]), ` chip${fit.n_chips === 1 ? "" : "s"}`])],
    fit.fits === "no" && ["The reasons stand at the core map."],
    fit.fits === "assumed" && ["as far as the chip's limits are public"]);
}
