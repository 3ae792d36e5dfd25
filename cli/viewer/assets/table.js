// The table of episodes: filters, sorting, and only the rows that are in sight.

const ROW = 34;
const SHOWN = [
  { name: "arm", title: "arm", text: (row) => value(row, "arm") || "–" },
  { name: "env", title: "world", text: (row) => value(row, "env") },
  { name: "opponent", title: "opponent", text: (row) => value(row, "opponent") || "–" },
  { name: "seed", title: "seed", text: (row) => String(value(row, "seed")), number: true },
  { name: "success", title: "outcome", text: (row) => WORDS[ending(row)], mark: true },
  { name: "reward", title: "reward", text: (row) => fixed(value(row, "reward")), number: true },
  { name: "steps", title: "steps", text: (row) => count(value(row, "steps")), number: true },
  { name: "changed", title: "changed", text: (row) => count(value(row, "changed")), number: true },
  { name: "supported", title: "supported", text: (row) => percent(value(row, "supported")), number: true },
  { name: "calls", title: "calls", text: (row) => count(value(row, "calls")), number: true },
  { name: "tokens", title: "tokens", text: (row) => count(value(row, "tokens")), number: true },
  { name: "seconds", title: "time", text: (row) => seconds(value(row, "seconds")), number: true },
  { name: "dollars", title: "cost", text: (row) => dollars(value(row, "dollars")), number: true },
];
const WORDS = { success: "success", failure: "failure", open: "still open", stopped: "stopped" };
const table = {
  filter: { text: "", arm: "", outcome: "", changed: false },
  sort: { column: "", down: false },
  rows: [],
  at: 0,
  body: null,
};

function tableView() {
  const columns = SHOWN.filter(({ name }) => !["calls", "tokens", "seconds", "dollars", "changed", "opponent", "supported"].includes(name) || some(name));
  const total = h("p.soft", { id: "total", role: "status" });
  const body = h("div.rows", {
    role: "grid", tabindex: 0, "aria-label": "Episodes", "aria-colcount": columns.length,
    onscroll: () => drawRows(columns), onkeydown: (event) => tableKeys(event, columns),
  });
  table.body = body;
  const grid = columns.map(({ number, name }) => (number ? "minmax(4.2rem,1fr)" : name === "arm" ? "minmax(9rem,2fr)" : "minmax(7rem,1.5fr)")).join(" ");
  body.style.setProperty("--grid", grid);
  table.titles = h("div.titles", { role: "row", "aria-rowindex": 1 }, columns.map((column) => titleOf(column)));
  show(filterBar(), total, body);
  table.refresh = () => {
    select();
    total.textContent = `${plural(table.rows.length, "episode")} of ${count(store.order.length)}${told()}`;
    drawRows(columns);
  };
  table.refresh();
  body.scrollTop = Math.max(0, table.at * ROW - body.clientHeight / 2);
  drawRows(columns);
  body.focus({ preventScroll: true });
}

function some(name) {
  return store.columns[name].some((each) => each !== null && each !== 0 && each !== "");
}

/** Mean reward and share of successes of the episodes in the table. */
function told() {
  const done = table.rows.filter((row) => value(row, "success") !== null);
  if (!done.length) return "";
  const mean = done.reduce((sum, row) => sum + value(row, "reward"), 0) / done.length;
  const wins = done.filter((row) => value(row, "success")).length / done.length;
  return ` · mean reward ${fixed(mean)} · success ${percent(wins)}`;
}

function filterBar() {
  const arms = [...new Set(store.columns.arm)].sort();
  const { filter } = table;
  const change = (name, read) => (event) => {
    filter[name] = read(event.target);
    table.at = 0;
    table.body.scrollTop = 0;
    table.refresh();
  };
  const option = (chosen) => ([key, text]) => h("option", { value: key, selected: key === chosen }, text);
  return h(
    "form.filters",
    { role: "search", "aria-label": "Filter episodes", onsubmit: (event) => event.preventDefault() },
    h("label", {}, "Find ", h("input", { id: "find", type: "search", value: filter.text, placeholder: "id, opponent, model, seed", "aria-keyshortcuts": "/", oninput: change("text", (e) => e.value.toLowerCase()) })),
    h("label", {}, "Arm ", h("select", { onchange: change("arm", (e) => e.value) }, [["", "all"], ...arms.map((arm) => [arm, arm || "(none)"])].map(option(filter.arm)))),
    h("label", {}, "Outcome ", h("select", { onchange: change("outcome", (e) => e.value) }, [["", "any"], ...Object.entries(WORDS)].map(option(filter.outcome)))),
    some("changed") && h("label", {}, h("input", { type: "checkbox", checked: filter.changed, onchange: change("changed", (e) => e.checked) }), " guidance changed the choice")
  );
}

function titleOf(column) {
  const sorted = table.sort.column === column.name;
  const button = h("button", { type: "button", onclick: () => {
    table.sort = { column: column.name, down: sorted ? !table.sort.down : !!column.number };
    tableView();
    say(`sorted by ${column.title}, ${table.sort.down ? "highest" : "lowest"} first`);
  } }, column.title, sorted && (table.sort.down ? " ▼" : " ▲"));
  return h("div" + (column.number ? ".number" : ""), { role: "columnheader", "aria-sort": sorted ? (table.sort.down ? "descending" : "ascending") : null }, button);
}

function select() {
  const { text, arm, outcome, changed } = table.filter;
  const { id, arm: arms, changed: turns, model } = store.columns;
  table.rows = store.order.filter((row) =>
    (!arm || arms[row] === arm) && (!changed || turns[row] > 0) && (!outcome || ending(row) === outcome) &&
    (!text || id[row].toLowerCase().includes(text) || model[row].toLowerCase().includes(text)));
  const { column, down } = table.sort;
  if (column) {
    const values = store.columns[column];
    const side = down ? -1 : 1;
    const rank = (each) => (each === null ? -Infinity : each === true ? 1 : each === false ? 0 : each);
    table.rows.sort((a, b) => (rank(values[a]) < rank(values[b]) ? -side : rank(values[a]) > rank(values[b]) ? side : a - b));
  }
  table.at = Math.min(table.at, Math.max(0, table.rows.length - 1));
}

function drawRows(columns) {
  const { body, rows } = table;
  const first = Math.max(0, Math.floor(body.scrollTop / ROW) - 9);
  const last = Math.min(rows.length, first + Math.ceil((body.clientHeight || 600) / ROW) + 16);
  const space = h("div.space", { role: "presentation" });
  space.style.height = `${rows.length * ROW}px`;
  for (let place = first; place < last; place++) {
    const row = rows[place];
    const line = h(
      "div.row" + (place === table.at ? ".at" : ""),
      { role: "row", id: `row-${place}`, "aria-rowindex": place + 2, "aria-selected": place === table.at, onclick: () => { table.at = place; go(row); } },
      columns.map(({ text, number, mark }) => h("div" + (number ? ".number" : "") + (mark ? `.${ending(row)}` : ""), { role: "gridcell", title: text(row) }, text(row)))
    );
    line.style.top = `${place * ROW}px`;
    space.append(line);
  }
  body.setAttribute("aria-rowcount", rows.length + 1);
  body.setAttribute("aria-activedescendant", rows.length ? `row-${table.at}` : "");
  body.replaceChildren(table.titles, rows.length ? space : h("p.none", {}, "No episode is like this."));
}

function tableKeys(event, columns) {
  const page = Math.floor(table.body.clientHeight / ROW) - 1;
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.key === "Enter" && table.rows.length) return go(table.rows[table.at]);
  if (!(event.key in moves) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  table.at = Math.min(table.rows.length - 1, Math.max(0, table.at + moves[event.key]));
  const top = table.at * ROW;
  const room = table.body.clientHeight - table.titles.offsetHeight;
  if (top < table.body.scrollTop) table.body.scrollTop = top;
  else if (top + ROW > table.body.scrollTop + room) table.body.scrollTop = top + ROW - room;
  drawRows(columns);
  const row = table.rows[table.at];
  say(`${value(row, "arm")}, ${WORDS[ending(row)]}, reward ${fixed(value(row, "reward"))}`);
}
