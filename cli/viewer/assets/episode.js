// One episode, step by step.

const shown = { row: -1, step: 0, other: null, record: null, stepTo: null };

async function episodeView(row, step) {
  const record = await recordOf(row);
  const steps = record.steps || [];
  Object.assign(shown, { row, record, other: null, step: Math.min(Math.max(step, 0), Math.max(0, steps.length - 1)) });
  const panel = h("div", { id: "panel", "aria-live": "off" });
  const list = h("ol.timeline", { "aria-label": "Steps" });
  show(
    episodeHead(row, record),
    h("div.episode", {}, h("nav.side", { "aria-label": "Steps of the episode" }, list, h("p.soft", {}, "← → steps, n and p episodes, c compare, Esc back")), panel)
  );
  shown.stepTo = (number) => {
    shown.step = number;
    list.replaceChildren(...steps.map((each, place) => stepButton(each, place)), endOf(record));
    panel.replaceChildren(...(steps.length ? [h("h2", {}, `Step ${number + 1} of ${steps.length}`), stepPanel(record, number)] : [h("p", {}, "No decision was taken.")]));
    history.replaceState(null, "", address(row, number));
  };
  shown.stepTo(shown.step);
  document.getElementById("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function episodeHead(row, record) {
  const { episode } = record;
  const others = siblings(row);
  const facts = [
    ["world", episode.env], ["arm", episode.arm], ["model", episode.model], ["opponent", episode.opponent],
    ["seat", episode.seat || 0], ["seed", episode.seed || 0], ["instance", episode.instance || 0],
    ["calls", count(value(row, "calls"))], ["tokens", count(value(row, "tokens"))], ["time", seconds(value(row, "seconds"))],
  ].filter(([, each]) => each !== undefined && each !== "");
  return [
    h("p.crumbs", {}, h("a", { href: "#/" }, "Episodes"), " / ", h("span", {}, episode.id)),
    h("div.about", {},
      h("p.verdict." + ending(row), {}, verdict(row, record.outcome)),
      h("dl.facts.inline", {}, facts.map(([name, each]) => [h("dt", {}, name), h("dd", {}, String(each))])),
      others.length && h("label", {}, "Beside it: ", h("select", { id: "beside", onchange: (event) => event.target.value && go(row, shown.step, +event.target.value) },
        h("option", { value: "" }, "choose an arm"), others.map((other) => h("option", { value: other }, `${value(other, "arm") || "(none)"} · ${WORDS[ending(other)]}, ${fixed(value(other, "reward"))}`)))))
  ];
}

function verdict(row, outcome) {
  if (!outcome) return "Still open";
  const reason = outcome.reason || "terminated";
  const how = reason === "terminated" ? "" : ` (${reason})`;
  return `${WORDS[ending(row)]}, reward ${fixed(outcome.reward)}${how}`;
}

function stepButton(step, place) {
  const { decision } = step;
  const marks = [isChanged(decision) && "changed by guidance", decision.fallback && "guidance not used", step.invalid && "refused"].filter(Boolean);
  return h("li", {}, h(
    "button" + (place === shown.step ? ".at" : ""), { type: "button", "aria-current": place === shown.step ? "step" : null, onclick: () => shown.stepTo(place) },
    h("b", {}, place + 1), " ", clip(decision.candidate.thought || decision.action, 70),
    marks.map((mark) => h("span.tag" + (mark === "refused" ? ".failure" : ""), {}, mark))
  ));
}

function endOf(record) {
  const { outcome } = record;
  if (!outcome) return h("li.end", {}, "still open");
  const facts = Object.entries(outcome.facts || {});
  return h("li.end", {}, h("b", {}, `End: ${fixed(outcome.reward)}`),
    (outcome.reached || []).map((goal) => h("div.success", {}, `✓ ${goal}`)),
    facts.length > 0 && h("details", {}, h("summary", {}, "Facts"), h("dl.facts", {}, facts.map(([name, each]) => [h("dt", {}, name), h("dd", {}, String(each))]))),
    outcome.pending && h("details", {}, h("summary", {}, "What waited for a decision"), h("pre.said", {}, outcome.pending)));
}
