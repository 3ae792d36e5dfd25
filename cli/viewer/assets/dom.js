// Elements and numbers. All text goes in as text: nothing here or elsewhere parses markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "rect", "line", "path", "circle", "text", "title"]);

/** An element: `h("a.soft", {href: "#"}, "text", child, [more])`; null and false are left out. */
function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = SVG_TAGS.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  if (classes.length) made.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || (value === false && !key.startsWith("aria-"))) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true && !key.startsWith("aria-") ? "" : String(value));
  }
  add(made, children);
  return made;
}

function add(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(parent, child);
    else parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

function show(...children) {
  const main = document.getElementById("main");
  main.replaceChildren();
  add(main, children);
  return main;
}

let spoken = null;
/** Told to whoever listens to the page. */
function say(text) {
  spoken = spoken || document.getElementById("say");
  spoken.textContent = text;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const formats = [0, 1, 2, 3].map(
  (places) => new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places })
);

function count(value) {
  return whole.format(value);
}

function fixed(value, places = 3) {
  return value === null || value === undefined || !Number.isFinite(value)
    ? "–"
    : formats[places].format(value).replace("-", "−");
}

function percent(value) {
  return value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`;
}

function seconds(value) {
  if (!value) return "–";
  if (value < 1) return `${Math.round(1000 * value)} ms`;
  if (value < 90) return `${fixed(value, 1)} s`;
  return value < 5400 ? `${fixed(value / 60, 1)} min` : `${fixed(value / 3600, 1)} h`;
}

function dollars(value) {
  return value ? `$${value < 0.01 ? value.toPrecision(2) : fixed(value, 2)}` : "–";
}

function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}
