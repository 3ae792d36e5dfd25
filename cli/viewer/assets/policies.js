// Fine-tuned policies: what moved over training, where the gradient fell, and what trained.

const FIRST = ["free/success", "free/reward", "reward", "entropy", "completions/mean_length", "kl"];
const GROUPS = [
  ["gradient/", "Gradient norms by span"], ["gradient_per_token/", "Gradient norms for each token"],
  ["tokens/", "Kinds of tokens, shares"], ["rewards/", "Parts of the reward"],
];

function policiesView() {
  show(Object.entries(store.more.policies).map(([folder, policy]) => policyOf(folder, policy)));
}

function policyOf(folder, { recipe, series, rollouts }) {
  const names = Object.keys(series);
  const grouped = (name) => GROUPS.some(([start]) => name.startsWith(start));
  const plain = names.filter((name) => !grouped(name));
  plain.sort((a, b) => ((FIRST.indexOf(a) + 99) % 99) - ((FIRST.indexOf(b) + 99) % 99));
  return h(
    "section", {}, h("h2", {}, recipe.name || "Training"), h("p.soft", {}, folder),
    h("div.charts", {}, plain.map((name) => metricChart(name, series[name]))),
    GROUPS.map(([start, title]) => {
      const some = names.filter((name) => name.startsWith(start) && !name.endsWith("/std"));
      return some.length > 0 && [h("h3", {}, title), h("div.charts", {}, some.map((name) => metricChart(name, series[name])))];
    }),
    rollouts.length > 0 && [h("h3", {}, `Rollouts of update ${count(rollouts[0].update)}`), tokenLegend(), rollouts.map(rolloutOf)],
    h("details", {}, h("summary", {}, "Recipe"), h("pre.said", {}, JSON.stringify(recipe, null, 2)))
  );
}

function metricChart(name, points) {
  const last = points[points.length - 1][1];
  return h("figure", {}, h("figcaption", {}, name, h("span.soft", {}, ` ${fixed(points[0][1])} → ${fixed(last)}`)),
    points.length > 1 && lineChart(points, { across: "update", up: "", label: `${name}, from ${fixed(points[0][1])} to ${fixed(last)}`, width: 380, height: 210 }));
}

function tokenLegend() {
  const kinds = [["given", "given: carries no loss"], ["sampled", "sampled"], ["forced", "forced prefix"], ["decision", "a decision"], ["tool", "a tool's call or output"], ["trains", "carries loss"]];
  return h("p.tokens", {}, kinds.map(([mark, text]) => [h(`span.${mark}`, {}, text), " "]));
}

function rolloutOf({ task, prefix, finish, rewards, prompt, tokens }) {
  const told = Object.entries(rewards).map(([name, each]) => `${name} ${fixed(each)}`).join(", ");
  return h(
    "div.rollout", {}, h("p.soft", {}, `${task}${prefix ? `, prefix ${prefix}` : ", free"}, ended by ${finish}, ${told}`),
    h("pre.tokens", {}, h("span.soft", {}, prompt), tokens.map(([text, kind, span, trains]) =>
      h(`span.${kind}${span === "sample" ? "" : `.${span}`}${trains ? ".trains" : ""}`, { title: `${kind}, ${span}` }, text)))
  );
}
