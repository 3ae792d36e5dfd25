// Comparisons, trained heads, and what these are worth on other episodes.

function benchView() {
  show(Object.entries(store.more.benches).map(([folder, bench]) => benchOf(folder, bench)));
}

function benchOf(folder, bench) {
  const arms = Object.entries(bench.arms || {}).map(([name, arm]) => ({
    name, value: arm.mean, low: arm.ci95 ? arm.ci95[0] : arm.mean, high: arm.ci95 ? arm.ci95[1] : arm.mean, calls: arm.calls || 0, success: arm.success, episodes: arm.episodes,
  }));
  const pairs = Object.entries(bench.paired || {}).map(([name, pair]) => ({ name, value: pair.diff, low: pair.ci95[0], high: pair.ci95[1] }));
  const seen = new Set();
  const once = pairs.filter(({ name }) => {
    const key = name.split(" vs ").sort().join(" vs ");
    return !seen.has(key) && seen.add(key);
  });
  return h(
    "section", {}, h("h2", {}, `${bench.env || "bench"}: ${plural(arms.length, "arm")}`), h("p.soft", {}, folder),
    (bench.warnings || []).length > 0 && h("ul.warnings", {}, bench.warnings.map((each) => h("li", {}, each))),
    h("h3", {}, "Mean reward, 95 % intervals"), forest(arms, { label: "mean reward" }), armTable(bench.arms || {}),
    once.length > 0 && [h("h3", {}, "Paired differences"), h("p.soft", {}, "Same instance, seat, opponent and seed. An interval that holds 0 shows no difference."), forest(once, { zero: true, label: "paired differences" })],
    arms.some((arm) => arm.calls) && [h("h3", {}, "Result against model calls"), scatter(arms.map((arm) => ({ ...arm, x: arm.calls })), { across: "model calls an episode", up: "mean reward", label: "result against calls" })]
  );
}

function armTable(arms) {
  const columns = [
    ["episodes", (arm) => count(arm.n)], ["success", (arm) => percent(arm.success)], ["invalid moves", (arm) => percent(arm.invalid)],
    ["supported", (arm) => percent(arm.supported)], ["calls", (arm) => fixed(arm.calls, 1)], ["tokens", (arm) => fixed(arm.tokens, 0)],
    ["time", (arm) => seconds(arm.seconds)], ["cost", (arm) => dollars(arm.dollars)],
  ];
  return h("table.arms", {}, h("caption", {}, "Calls, tokens, time and cost are means of an episode."),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "arm"), columns.map(([name]) => h("th.number", { scope: "col" }, name)))),
    h("tbody", {}, Object.entries(arms).map(([name, arm]) => h("tr", {}, h("th", { scope: "row" }, name), columns.map(([, text]) => h("td.number", {}, text(arm)))))));
}

function headsView() {
  show(Object.entries(store.more.heads).map(([folder, metrics]) => headOf(folder, metrics)));
}

function headOf(folder, metrics) {
  const curve = (metrics.curve || []).filter((point) => point.every(Number.isFinite));
  const best = curve.find(([update]) => update === metrics.best_update);
  const held = Object.entries(metrics.held_out || {});
  const outcomes = Object.entries((metrics.data || {}).outcomes || {});
  return h(
    "section", {}, h("h2", {}, clip(folder.split("/").slice(-3).join("/"), 90)), h("p.soft", {}, folder),
    curve.length > 1 && [h("h3", {}, "Learning curve"), lineChart(curve, { across: "updates", up: "held-out loss", label: "held-out loss by update", best })],
    held.length > 0 && [h("h3", {}, "On held-out episodes"), h("dl.facts", {}, held.map(([name, each]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof each === "number" ? (Number.isInteger(each) ? count(each) : fixed(each)) : String(each))]))],
    outcomes.length > 0 && [h("h3", {}, "How often each outcome came true in its data"), forest(outcomes.map(([name, [reached, all]]) => ({ name, value: reached / all, ...wilson(reached, all) })), { label: "shares" })]
  );
}

function evaluationsView() {
  show(Object.entries(store.more.evaluations).map(([folder, found]) => evaluationOf(folder, found)));
}

function evaluationOf(folder, found) {
  const row = (name, each) => each && { name, value: each.value, low: each.low, high: each.high };
  const shares = (found.by_share || []).map((each) => row(`${each.name} seen`, each.auc)).filter(Boolean);
  const ranking = (found.ranking || []).map((each) => row(`${percent(each.share)} seen`, each.concordance)).filter(Boolean);
  const goals = (found.by_goal || []).map((each) => row(each.name, each.auc)).filter(Boolean);
  const opponents = (found.by_opponent || []).map((each) => row(each.name || "(nobody)", each.calibration_error)).filter(Boolean);
  const drawn = (title, rows, note) => rows.length > 0 && [h("h3", {}, title), note && h("p.soft", {}, note), forest(rows, { label: title })];
  return h(
    "section", {}, h("h2", {}, found.goal || "Evaluation"), h("p.soft", {}, `${folder}: ${plural(found.episodes || 0, "episode")}; intervals are 95 %`),
    (found.reliability || []).length > 0 && [h("h3", {}, "Reliability"), reliability(found.reliability)],
    drawn("AUC by share of the episode", shares),
    drawn("Ranking by share of the episode", ranking, "How often two episodes are ordered as their rewards are; 0.5 is chance."),
    drawn("AUC by goal", goals), drawn("Calibration error by opponent", opponents)
  );
}

/** Ten bins `[mean chance, frequency, predictions]`; right chances lie on the diagonal. */
function reliability(bins) {
  const plot = axes([0, 1], [0, 1], { width: 420, height: 360, across: "mean chance", up: "came true" });
  const dots = bins.map(([chance, came, size]) => {
    const { low, high } = wilson(came * size, size);
    return [
      h("line.interval.flat", { x1: plot.x(chance), x2: plot.x(chance), y1: plot.y(low), y2: plot.y(high) }),
      h("circle.mark", { cx: plot.x(chance), cy: plot.y(came), r: 4 }, h("title", {}, `chance ${fixed(chance)}, came true ${fixed(came)}, ${count(size)} predictions`)),
    ];
  });
  const told = bins.map(([chance, came]) => `${percent(chance)} said, ${percent(came)} came true`).join("; ");
  return picture(plot.width, plot.height, `reliability: ${told}`, plot.parts, h("line.zero", { x1: plot.x(0), y1: plot.y(0), x2: plot.x(1), y2: plot.y(1) }), dots);
}

/** The 95 % interval of a share. */
function wilson(hits, all) {
  const z = 1.96;
  const share = hits / all;
  const middle = (share + (z * z) / (2 * all)) / (1 + (z * z) / all);
  const half = (z / (1 + (z * z) / all)) * Math.sqrt((share * (1 - share)) / all + (z * z) / (4 * all * all));
  return { low: middle - half, high: middle + half };
}
