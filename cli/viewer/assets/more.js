// Comparisons and trained heads.

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

/** The 95 % interval of a share. */
function wilson(hits, all) {
  const z = 1.96;
  const share = hits / all;
  const middle = (share + (z * z) / (2 * all)) / (1 + (z * z) / all);
  const half = (z / (1 + (z * z) / all)) * Math.sqrt((share * (1 - share)) / all + (z * z) / (4 * all * all));
  return { low: middle - half, high: middle + half };
}
