// The data of the page: opened from its compressed pieces when first asked for.

const head = JSON.parse(document.body.dataset.head);
const store = { columns: {}, more: { benches: {}, heads: {}, evaluations: {}, policies: {} }, order: [], added: new Map() };
const pieces = new Map();
const MOST_PIECES = 24;

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function held(name) {
  const element = document.getElementById(name);
  if (!element) throw new Error(`the page has no ${name}`);
  return element.textContent;
}

async function openStore() {
  [store.columns, store.more] = await Promise.all([unpack(held("index")), unpack(held("more"))]);
  store.order = store.columns.id.map((_, row) => row);
  store.rowOf = new Map(store.columns.id.map((id, row) => [id, row]));
}

/** Rows of the episodes that began alike, by what they began with. */
function siblings(row) {
  if (!store.alike) {
    store.alike = new Map();
    store.columns.situation.forEach((situation, each) => {
      if (!store.alike.has(situation)) store.alike.set(situation, []);
      store.alike.get(situation).push(each);
    });
  }
  return store.alike.get(store.columns.situation[row]).filter((each) => each !== row);
}

/** The record of one episode: `{episode, steps, outcome}` as in a trace file. */
async function recordOf(row) {
  const id = store.columns.id[row];
  if (store.added.has(id)) return store.added.get(id);
  const number = store.columns.piece[row];
  if (!pieces.has(number)) {
    pieces.set(number, unpack(held(`piece-${number}`)));
    if (pieces.size > MOST_PIECES) pieces.delete(pieces.keys().next().value);
  }
  return (await pieces.get(number))[store.columns.place[row]];
}

function value(row, column) {
  return store.columns[column][row];
}

/** `success`, `failure`, `open` or `stopped`. */
function ending(row) {
  const reason = value(row, "reason");
  if (value(row, "success") === null) return "open";
  if (reason.startsWith("error") || reason.startsWith("budget")) return "stopped";
  return value(row, "success") ? "success" : "failure";
}

/** What a live server adds: episodes replace those of the same id. */
function absorb(names, rows, records) {
  rows.forEach((line, number) => {
    const id = line[0];
    let row = store.rowOf.get(id);
    if (row === undefined) {
      row = store.columns.id.length;
      store.rowOf.set(id, row);
      store.order.push(row);
    }
    names.forEach((name, place) => (store.columns[name][row] = line[place]));
    store.columns.piece[row] = -1;
    store.columns.place[row] = -1;
    store.added.set(id, records[number]);
  });
  store.alike = null;
}
