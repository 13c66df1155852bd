// The page's data: base64 of a zlib stream of a JSON header and the arrays that it names.
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = await new Response(stream).arrayBuffer();
  const length = new DataView(whole).getUint32(0, true);
  const types = { int8: Int8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };
  const restore = (key, value) => {
    if (!value || typeof value !== "object" || !Array.isArray(value.$)) return value;
    const [type, offset, size] = value.$;
    const start = 4 + length + offset;
    const bytesEach = types[type].BYTES_PER_ELEMENT;
    // float64 may begin between two of its multiples, so its bytes are copied
    return start % bytesEach ? new types[type](whole.slice(start, start + size * bytesEach)) : new types[type](whole, start, size);
  };
  return JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)), restore);
}

// What the reader has chosen; parts of the page that depend on it draw themselves again.
const chosen = { hardware: null, population: null, neuron: null };
const listeners = [];
function whenChanged(keys, draw) {
  listeners.push({ keys, draw });
}
function choose(changes) {
  const changed = Object.keys(changes).filter((key) => chosen[key] !== changes[key]);
  Object.assign(chosen, changes);
  for (const { keys, draw } of listeners) if (keys.some((key) => changed.includes(key))) draw();
}
function redrawAll() {
  for (const { draw } of listeners) draw();
}

let report = null;
let pictures = null;
const at = (path) => path.reduce((value, key) => (value === null || value === undefined ? value : value[key]), report);
const estimates = () => Object.entries(report.energy).filter(([, e]) => e.picojoule !== null);
// Hardware that the reader can choose: key and title.
const chipNames = () => (report.points ? Object.entries(report.hardware) : estimates().map(([key, e]) => [key, e.hardware.title]));
const perSample = ["n_samples"];
