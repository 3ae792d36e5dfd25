// One decision: what was seen, what was weighed, what was chosen, what it cost.

function stepPanel(record, number) {
  const step = record.steps[number];
  const decision = step.decision;
  return h(
    "div.step", {},
    observed(step),
    chosen(step, decision),
    goalTable(decision, record.outcome),
    candidates(decision),
    refined(decision),
    explained(record, number),
    attempts(decision),
    searched(decision),
    lessons(decision),
    tools(step, record.steps[number + 1]),
    costs(decision)
  );
}

function observed(step) {
  return h(
    "section", {}, h("h3", {}, "What was seen"),
    h("pre.said", {}, step.observation),
    step.state && step.state !== step.observation &&
      h("details", {}, h("summary", {}, "State, as the critic reads it"), h("pre.said", {}, step.state))
  );
}

function chosen(step, decision) {
  const prefix = decision.candidate.prefix;
  const marks = [
    decision.fallback && h("span.warn", {}, `guidance was not used: ${decision.fallback}`),
    step.invalid && h("span.failure", {}, "the world refused this action"),
    isChanged(decision) && h("span.tag.changed", {}, "changed by guidance"),
    decision.rounds > 0 && h("span.tag", {}, plural(decision.rounds, "round")),
    decision.repairs > 0 && h("span.tag", {}, plural(decision.repairs, "repair")),
    prefix && h("span.tag", {}, `prefix ${decision.prefix_mode || "given"}`),
  ];
  return h(
    "section.chosen", {}, h("h3", {}, "What was chosen ", marks),
    h("p.thought", {}, decision.candidate.thought),
    prefix && h("p", {}, h("span.soft", {}, "Prefix: "), h("code", {}, prefix)),
    h("pre.action", {}, decision.action),
    step.reward ? h("p.soft", {}, `Reward of this step: ${fixed(step.reward)}`) : null
  );
}

function isChanged(decision) {
  return !!decision.first_thought && decision.first_thought !== decision.candidate.thought;
}

function candidates(decision) {
  const weighed = decision.considered || [];
  if (!weighed.length) return null;
  const prefixes = weighed.some((each) => each.candidate.prefix);
  const scores = weighed.map((each) => each.score ?? null);
  const known = scores.filter((each) => each !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const rows = weighed.map((each, place) => {
    const mine = each.candidate.thought === decision.candidate.thought && (each.candidate.prefix || "") === (decision.candidate.prefix || "");
    const width = scores[place] === null ? 0 : high > low ? (scores[place] - low) / (high - low) : 1;
    return h(
      "tr" + (mine ? ".mine" : ""), {},
      h("td.number", {}, place + 1),
      h("td", {}, each.candidate.thought, mine && h("span.tag", {}, "chosen"), each.candidate.action && h("div.soft", {}, each.candidate.action)),
      prefixes && h("td", {}, each.candidate.prefix ? h("code", {}, each.candidate.prefix) : "–"),
      h("td.number", {}, fixed(scores[place])),
      h("td.score", {}, h("svg", { width: "100%", height: 12, "aria-hidden": true }, h("rect.flat", { width: `${100 * width}%`, height: 8, y: 2, rx: 2 })))
    );
  });
  const kept = weighed.length < decision.weighed ? `; the best ${weighed.length} of ${decision.weighed} are on record` : "";
  return h(
    "section", {}, h("h3", {}, "What was weighed"),
    h("table", {}, h("caption", {}, `Scores are in units of the world's reward; bars run from the lowest to the highest of them${kept}.`),
      h("thead", {}, h("tr", {}, ["", "thought", ...(prefixes ? ["prefix"] : []), "score", ""].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, rows))
  );
}

function refined(decision) {
  if (!decision.critique && !decision.first_thought) return null;
  return h(
    "section", {}, h("h3", {}, "Critique"),
    decision.first_thought && h("p", {}, h("span.soft", {}, "First thought: "), decision.first_thought),
    decision.critique && h("pre.said", {}, decision.critique),
    isChanged(decision) && h("p", {}, h("span.soft", {}, "Then: "), decision.candidate.thought)
  );
}

/** The logged thoughts nearest to the best candidate and to the runner-up, where the page has them. */
function explained(record, number) {
  const why = (record.explained || {})[number];
  if (!why) return null;
  const list = (title, evidence) => evidence.length > 0 && h(
    "div", {}, h("h4", {}, title),
    h("ul.near", {}, evidence.map((each) => h(
      "li", {}, h(each.reached ? "span.success" : "span.soft", {}, each.reached ? "✓ came true" : "✗ did not"), h("span.tag", {}, `distance ${fixed(each.distance, 2)}`), " ",
      each.thought || "(no thought)", h("details", {}, h("summary", {}, "Its state"), h("p.soft", {}, each.state), h("p.soft", {}, `episode ${each.episode}`))
    ))));
  return h(
    "section", {}, h("h3", {}, "The nearest logged thoughts"),
    h("p.soft", {}, `What decides: ${why.goal}`),
    list(`Near “${clip(why.best, 80)}”`, why.evidence), list(`Near the runner-up “${clip(why.second, 80)}”`, why.contrast)
  );
}

function attempts(decision) {
  const made = decision.attempts || [];
  if (!made.length) return null;
  return h(
    "section", {}, h("h3", {}, "Attempts, each kept or tried again"),
    h("ol", {}, made.map((each) => h(
      "li", {}, h("code", {}, each.action), " ",
      h("span.tag", {}, each.forced ? "last allowed" : each.stop ? "stop" : "retry"),
      each.chance !== undefined && each.chance !== null && h("span.soft", {}, ` chance ${percent(each.chance)}`),
      each.correct === true && h("span.success", {}, " right"), each.correct === false && h("span.failure", {}, " wrong")
    )))
  );
}

function searched(decision) {
  const nodes = decision.search || [];
  if (!nodes.length) return null;
  const below = new Map();
  nodes.forEach((node, place) => below.set(node.parent, [...(below.get(node.parent) || []), place]));
  const branch = (place) => {
    const node = nodes[place];
    const line = [h("span.tag", {}, `${count(node.visits)}×`), h("span.tag", {}, fixed(node.value, 2)), " ", node.thought || "(the state)"];
    const inner = below.get(place) || [];
    return h("li", {}, inner.length ? h("details", { open: node.parent < 0 }, h("summary", {}, line), h("ul", {}, inner.map(branch))) : line);
  };
  return h("section", {}, h("h3", {}, `Search: ${plural(nodes.length, "node")}, visits and mean value`), h("ul.tree", {}, (below.get(-1) || []).map(branch)));
}

function lessons(decision) {
  const learnt = decision.lessons || [];
  return learnt.length ? h("section", {}, h("h3", {}, "Lessons"), h("ol", {}, learnt.map((each) => h("li", {}, each)))) : null;
}

function tools(step, next) {
  const facts = Object.entries(step.facts || {});
  if (!facts.length) return null;
  const called = step.facts.tool;
  return h(
    "section", {}, h("h3", {}, called ? "Tools" : "Facts"),
    called && step.facts.outside && h("p.warn", {}, "Text from outside, which nobody vouches for, came back."),
    h("dl.facts", {}, facts.map(([name, each]) => [h("dt", {}, name), h("dd", {}, String(each))])),
    called && next && h("details", {}, h("summary", {}, "Result"), h("pre.said", {}, next.observation))
  );
}

function costs(decision) {
  const stages = Object.entries(decision.usage || {});
  if (!stages.length) return null;
  const cell = (text) => h("td.number", {}, text);
  return h(
    "section", {}, h("h3", {}, "What it cost"),
    h("table", {}, h("thead", {}, h("tr", {}, ["stage", "calls", "tokens in", "tokens out", "time", "cost"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, stages.map(([stage, use]) => h(
        "tr", {}, h("th", { scope: "row" }, stage), cell(count(use.calls || 0)), cell(count(use.prompt_tokens || 0)),
        cell(count(use.completion_tokens || 0)), cell(seconds(use.seconds)), cell(dollars(use.dollars))))))
  );
}
