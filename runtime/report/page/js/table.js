// Tables that sort, search and grow: only so many rows stand in the page as are looked at.
const ROWS_AT_ONCE = 100;

// columns: {head, cell(row) -> element or text, value(row) -> what it sorts by, right}
function table(columns, rows, { search = null, label } = {}) {
  const state = { key: null, falling: false, wanted: "", limit: ROWS_AT_ONCE };
  const body = el("tbody");
  const heads = el("tr");
  const more = el("p");
  const chosenRows = () => {
    let found = rows;
    if (state.wanted) found = found.filter((row) => search(row).toLowerCase().includes(state.wanted));
    if (state.key === null) return found;
    const value = columns[state.key].value;
    const sorted = [...found].sort((a, b) => compare(value(a), value(b)));
    return state.falling ? sorted.reverse() : sorted;
  };
  const draw = () => {
    const found = chosenRows();
    body.replaceChildren(...found.slice(0, state.limit).map((row) => el("tr", {}, ...columns.map((c) => cell(c, row)))));
    [...heads.children].forEach((head, i) => head.setAttribute("aria-sort", state.key !== i ? "none" : state.falling ? "descending" : "ascending"));
    more.replaceChildren();
    if (found.length > state.limit) {
      const grow = () => { state.limit *= 10; draw(); };
      more.append(`${grouped(state.limit)} of ${grouped(found.length)} rows. `, el("button", { text: "Show more", onclick: grow }));
    }
  };
  columns.forEach((column, i) => {
    const sort = () => {
      state.falling = state.key === i ? !state.falling : Boolean(column.right);
      state.key = i;
      draw();
    };
    const inside = column.value ? el("button", { text: column.head, title: "Sort", onclick: sort }) : column.head;
    heads.append(el("th", { scope: "col", class: column.right ? "r" : null }, inside));
  });
  draw();
  const box = el("div", {});
  if (search && rows.length > 12) {
    const find = (event) => { state.wanted = event.target.value.trim().toLowerCase(); state.limit = ROWS_AT_ONCE; draw(); };
    box.append(el("div", { class: "controls" }, el("label", { text: "Find" }, el("input", { type: "search", oninput: find, "aria-label": `Find in ${label}` }))));
  }
  box.append(el("div", { class: "wide" }, el("table", { "aria-label": label }, el("thead", {}, heads), body)), more);
  return box;
}
function cell(column, row) {
  const inside = column.cell(row);
  return el("td", { class: column.right ? "r" : column.name ? "name" : null }, inside === null || inside === undefined ? "" : inside);
}
function compare(a, b) {
  if (typeof a === "number" || typeof b === "number") return (typeof a === "number" ? a : -Infinity) - (typeof b === "number" ? b : -Infinity);
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
function pairs(rows) {
  return el("div", { class: "wide" }, el("table", {}, el("tbody", {}, ...rows.map(([key, value]) => el("tr", {}, el("td", { class: "name", text: key }), el("td", { class: "name" }, value))))));
}
// Nested JSON as rows of path and value.
function leaves(path) {
  const value = at(path);
  if (value !== null && typeof value === "object") return Object.keys(value).flatMap((key) => leaves([...path, Array.isArray(value) ? Number(key) : key]));
  return [[path, typeof value === "number" ? num(path) : shown(value)]];
}
