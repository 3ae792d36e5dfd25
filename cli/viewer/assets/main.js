// Which view is shown, the keys, and what a live server adds.

const KEYS = [
  ["/", "find episodes"], ["↑ ↓, j k", "move in the table"], ["Enter", "open the episode"], ["← →", "step back, step on"],
  ["Home End", "first step, last step"], ["n p", "next, previous episode of the table"], ["c", "beside the first other arm"], ["Esc", "back"], ["?", "these keys"],
];

function address(row, step = 0, other = null) {
  const tail = other === null ? "" : `/${encodeURIComponent(store.columns.id[other])}`;
  return `#/episode/${encodeURIComponent(store.columns.id[row])}/${step}${tail}`;
}

function go(row, step = 0, other = null) {
  location.hash = address(row, step, other);
}

async function route() {
  const [kind, id, step, other] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const views = viewLinks();
  document.getElementById("views").replaceChildren(...views.map(([place, text]) =>
    h("a", { href: `#/${place}`, "aria-current": place === (kind || "") ? "page" : null }, text)));
  try {
    if (kind === "episode") {
      const row = store.rowOf.get(id);
      const beside = other ? store.rowOf.get(other) : undefined;
      if (row === undefined) show(h("p", {}, `There is no episode ${id} here. `, h("a", { href: "#/" }, "All episodes")));
      else if (beside !== undefined) await compareView(row, +step || 0, beside);
      else await episodeView(row, +step || 0);
    } else if (kind === "bench") benchView();
    else if (kind === "heads") headsView();
    else if (kind === "evaluations") evaluationsView();
    else if (kind === "policies") policiesView();
    else if (store.order.length || !views.length) tableView();
    else location.hash = `#/${views[0][0]}`;
  } catch (error) {
    show(h("p.failure", {}, `This could not be shown: ${error.message}`));
    throw error;
  }
}

function viewLinks() {
  const { benches, heads, evaluations, policies } = store.more;
  return [
    store.order.length > 0 && ["", `Episodes (${count(store.order.length)})`],
    Object.keys(benches).length > 0 && ["bench", "Comparison"],
    Object.keys(heads).length > 0 && ["heads", `Heads (${Object.keys(heads).length})`],
    Object.keys(policies).length > 0 && ["policies", `Trainings (${Object.keys(policies).length})`],
    Object.keys(evaluations).length > 0 && ["evaluations", `Evaluations (${Object.keys(evaluations).length})`],
  ].filter(Boolean);
}

function keys(event) {
  const typing = event.target.closest("input, select, textarea, dialog");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && !event.target.closest("dialog")) return location.hash.startsWith("#/episode") ? back() : event.target.blur();
  if (typing) return;
  if (event.key === "?") return help();
  if (event.key === "/") {
    const find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); }
    return;
  }
  if (!location.hash.startsWith("#/episode")) return;
  const last = document.querySelectorAll(".timeline button, .strip button").length - 1;
  const moves = { ArrowRight: shown.step + 1, ArrowLeft: shown.step - 1, Home: 0, End: last };
  if (event.key in moves) {
    event.preventDefault();
    const to = Math.min(last, Math.max(0, moves[event.key]));
    if (to !== shown.step) { shown.stepTo(to); say(`step ${to + 1} of ${last + 1}`); }
  } else if (event.key === "n" || event.key === "p") walk(event.key === "n" ? 1 : -1);
  else if (event.key === "c" && shown.other === null) {
    const [other] = siblings(shown.row);
    if (other === undefined) say("no other arm began like this"); else go(shown.row, 0, other);
  }
}

function back() {
  location.hash = shown.other === null ? "#/" : address(shown.row, shown.step);
}

/** To the next or previous episode of the table as it is filtered and sorted. */
function walk(by) {
  if (!table.rows.length) select();
  const place = table.rows.indexOf(shown.row) + by;
  if (place < 0 || place >= table.rows.length) return say("no more episodes");
  table.at = place;
  go(table.rows[place]);
}

function help() {
  const dialog = document.getElementById("help");
  dialog.replaceChildren(h("h2", { id: "help-title" }, "Keys"), h("dl.facts", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", {}, "Close")));
  dialog.showModal();
}

function follow() {
  const events = new EventSource(`events?after=${head.live}`);
  events.onmessage = (event) => {
    const { names, rows, records } = JSON.parse(event.data);
    absorb(names, rows, records);
    const open = location.hash.startsWith("#/episode");
    if (!open && !["#/bench", "#/heads", "#/evaluations", "#/policies"].includes(location.hash)) table.refresh ? table.refresh() : route();
    else if (open && store.added.has(store.columns.id[shown.row]) && rows.some((line) => line[0] === store.columns.id[shown.row])) route();
  };
  events.onerror = () => say("the server is gone; what is shown stays");
}

async function begin() {
  if (!("DecompressionStream" in window)) return show(h("p", {}, "This browser cannot open compressed data; one of 2023 or later can."));
  await openStore();
  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", keys);
  document.getElementById("help-button").addEventListener("click", help);
  await route();
  if (head.live !== null) follow();
  document.body.dataset.ready = "yes";
}

begin();
