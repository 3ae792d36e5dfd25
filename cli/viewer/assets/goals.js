// Goals as bars: the chance, its 90 % interval, whether the head could know, and how it ended.

function chanceBar(estimate, kind, words) {
  if (!estimate) return h("span.soft", {}, "not asked");
  const { chance, low, high, supported = true } = estimate;
  const at = (share) => `${(100 * share).toFixed(2)}%`;
  const label = `${words}: ${percent(chance)}, 90 % interval ${percent(low)} to ${percent(high)}${supported ? "" : ", not supported by the data"}`;
  return h(
    "svg.chance", { role: "img", "aria-label": label, height: 20, width: "100%" },
    h("title", {}, label),
    h("rect.back", { x: 0, y: 5, width: "100%", height: 10, rx: 2 }),
    h(`rect.${supported ? kind : "unsupported"}`, { x: 0, y: 5, width: at(chance), height: 10, rx: 2 }),
    h("line.whisker", { x1: at(low), x2: at(high), y1: 10, y2: 10 }),
    h("line.whisker", { x1: at(low), x2: at(low), y1: 6, y2: 14 }),
    h("line.whisker", { x1: at(high), x2: at(high), y1: 6, y2: 14 })
  );
}

/** Whether a goal came true in the end: true, false, or null where nobody says. */
function cameTrue(goal, outcome) {
  if (!outcome) return null;
  if ((outcome.reached || []).includes(goal.text)) return true;
  return (outcome.missed || []).includes(goal.text) ? false : null;
}

/** The goals of a decision, the chosen thought's chances above the runner-up's. */
function goalTable(decision, outcome) {
  const goals = decision.goals || [];
  const weighed = (decision.considered || []).filter((each) => (each.estimates || []).length);
  if (!goals.length || !weighed.length) return null;
  const chosen = weighed.find((each) => each.candidate.thought === decision.candidate.thought) || weighed[0];
  const other = weighed.find((each) => each !== chosen);
  const rows = goals.map((goal, place) => {
    const kind = goal.kind || "hoped";
    const [one, two] = [chosen.estimates[place], other && other.estimates[place]];
    const truth = cameTrue(goal, outcome);
    return h(
      "tr", {},
      h("th", { scope: "row" }, goal.text, " ", h("span.tag", {}, kind)),
      h("td.bars", {}, chanceBar(one, kind, "chosen"), two && chanceBar(two, `${kind}.faint`, "runner-up")),
      h("td.number", {}, percent(one && one.chance), two && h("div.soft", {}, percent(two.chance))),
      h("td", {}, one && one.supported === false && h("span.warn", {}, "unsupported")),
      h("td", {}, truth === null ? h("span.soft", {}, "–") : truth ? h("span.success", {}, "✓ came true") : h("span.soft", {}, "✗ did not"))
    );
  });
  return h(
    "section", {}, h("h3", {}, "How it may turn out"),
    h("table.goals", {},
      h("caption", {}, "Chances after the chosen thought", other && ", and fainter after the runner-up", "; lines are 90 % intervals, hatched bars lie too far from the data to be trusted."),
      h("thead", {}, h("tr", {}, ["goal", "chance", "", "", "in hindsight"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, rows))
  );
}
