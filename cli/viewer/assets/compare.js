// Two episodes that began alike, side by side, and where they part.

async function compareView(row, step, other) {
  const [one, two] = await Promise.all([recordOf(row), recordOf(other)]);
  const parting = partingOf(one, two);
  const most = Math.max((one.steps || []).length, (two.steps || []).length);
  const panel = h("div.pair", { id: "panel" });
  const line = h("div.strip", { role: "group", "aria-label": "Steps" });
  Object.assign(shown, { row, other, record: one, step: Math.min(step, Math.max(0, most - 1)) });
  show(
    h("p.crumbs", {}, h("a", { href: "#/" }, "Episodes"), " / ", h("a", { href: address(row, step) }, one.episode.id), " / beside ", value(other, "arm")),
    h("p", {}, parting < 0 ? "Both took the same decisions." : [`They part at step ${parting + 1}. `, h("button", { type: "button", onclick: () => shown.stepTo(parting) }, "Go there")]),
    line,
    h("div.pair.heads", {}, [[row, one], [other, two]].map(([each, record]) => h("div", {}, h("h2", {}, value(each, "arm") || "(no arm)"), h("p.verdict." + ending(each), {}, verdict(each, record.outcome))))),
    panel
  );
  shown.stepTo = (number) => {
    shown.step = number;
    line.replaceChildren(...Array.from({ length: most }, (_, place) => h(
      "button" + (place === number ? ".at" : "") + (place === parting ? ".parting" : ""),
      { type: "button", "aria-current": place === number ? "step" : null, title: place === parting ? "the first decision where they part" : null, onclick: () => shown.stepTo(place) },
      place + 1, place === parting && " ≠"
    )));
    panel.replaceChildren(...[one, two].map((record) =>
      (record.steps || [])[number] ? stepPanel(record, number) : h("p.soft", {}, "It had ended.")));
    history.replaceState(null, "", address(row, number, other));
  };
  shown.stepTo(step || Math.max(0, parting));
  document.getElementById("main").focus({ preventScroll: true });
}

/** The first step whose actions differ; -1 where all are the same. */
function partingOf(one, two) {
  const [a, b] = [one.steps || [], two.steps || []];
  const most = Math.max(a.length, b.length);
  for (let place = 0; place < most; place++) {
    if (!a[place] || !b[place] || a[place].decision.action !== b[place].decision.action) return place;
  }
  return -1;
}
