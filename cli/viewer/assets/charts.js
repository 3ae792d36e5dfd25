// Drawings: intervals, lines, points, as SVG in the colours of the page.

const PLOT = { width: 760, left: 230, right: 190, row: 30, axis: 30 };

/** Round numbers that cover from low to high. */
function ticks(low, high, wanted = 5) {
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const raw = (high - low) / wanted;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * unit).find((each) => each >= raw);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => +((first + n) * step).toPrecision(12));
}

/** Rows of `{name, value, low, high}` with their intervals; `zero` draws the line at 0. */
function forest(rows, { zero = false, label = "" } = {}) {
  const ends = rows.flatMap((row) => [row.value, row.low, row.high]).concat(zero ? [0] : []);
  const marks = ticks(Math.min(...ends), Math.max(...ends));
  const [first, last] = [marks[0], marks[marks.length - 1]];
  const span = PLOT.width - PLOT.left - PLOT.right;
  const x = (at) => PLOT.left + ((at - first) / (last - first)) * span;
  const bottom = PLOT.row * rows.length + 6;
  const grid = marks.map((at) => [
    h("line.grid", { x1: x(at), x2: x(at), y1: 0, y2: bottom }),
    h("text.soft", { x: x(at), y: bottom + 18, "text-anchor": "middle" }, sign(at)),
  ]);
  const bars = rows.map((row, number) => {
    const y = PLOT.row * number + PLOT.row / 2 + 3;
    const side = !zero || (row.low <= 0 && row.high >= 0) ? "flat" : row.low > 0 ? "up" : "down";
    return h(
      "g." + side,
      {},
      h("text.label", { x: PLOT.left - 12, y: y + 4, "text-anchor": "end" }, clip(row.name, 30), h("title", {}, row.name)),
      h("line.interval", { x1: x(row.low), x2: x(row.high), y1: y, y2: y }),
      h("circle", { cx: x(row.value), cy: y, r: 4.5 }),
      h(
        "text.figure",
        { x: PLOT.width - PLOT.right + 12, y: y + 4 },
        `${fixed(row.value)} [${fixed(row.low)}, ${fixed(row.high)}]`
      )
    );
  });
  const nought = zero && h("line.zero", { x1: x(0), x2: x(0), y1: 0, y2: bottom });
  const told = rows.map((row) => `${row.name}: ${fixed(row.value)}, ${fixed(row.low)} to ${fixed(row.high)}`);
  return picture(PLOT.width, bottom + PLOT.axis, `${label} ${told.join("; ")}`, grid, nought, bars);
}

function picture(width, height, label, ...children) {
  return h(
    "div.wide",
    {},
    h("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, ...children)
  );
}

/** Axes for points between the ends of `xs` and `ys`; gives the plot's parts and its scales. */
function axes(xs, ys, { width = 520, height = 300, across = "", up = "" }) {
  const [left, bottom, top, right] = [56, 46, 12, 18];
  const [alongX, alongY] = [ticks(Math.min(...xs), Math.max(...xs)), ticks(Math.min(...ys), Math.max(...ys))];
  const scale = (marks, from, to) => (at) =>
    from + ((at - marks[0]) / (marks[marks.length - 1] - marks[0])) * (to - from);
  const x = scale(alongX, left, width - right);
  const y = scale(alongY, height - bottom, top);
  const parts = [
    alongY.map((at) => [
      h("line.grid", { x1: left, x2: width - right, y1: y(at), y2: y(at) }),
      h("text.soft", { x: left - 8, y: y(at) + 4, "text-anchor": "end" }, at),
    ]),
    alongX.map((at) => h("text.soft", { x: x(at), y: height - bottom + 18, "text-anchor": "middle" }, at.toLocaleString("en"))),
    h("text.soft", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, across),
    h("text.soft", { x: left, y: top - 1 }, up),
  ];
  return { x, y, parts, width, height };
}

/** A line through points `[x, y]`, the lowest marked. */
function lineChart(points, { across, up, label, best = null, ...size }) {
  const plot = axes(points.map((p) => p[0]), points.map((p) => p[1]), { across, up, ...size });
  const path = points.map(([a, b], n) => `${n ? "L" : "M"}${plot.x(a).toFixed(1)} ${plot.y(b).toFixed(1)}`).join("");
  const mark = best && h("circle.mark", { cx: plot.x(best[0]), cy: plot.y(best[1]), r: 5 }, h("title", {}, `${best[0]}: ${fixed(best[1])}`));
  return picture(plot.width, plot.height, label, plot.parts, h("path.curve", { d: path }), mark);
}

/** Points `{name, x, value, low, high}` with upright intervals. */
function scatter(points, { across, up, label }) {
  const ys = points.flatMap((p) => [p.low, p.high, p.value]);
  const plot = axes([0, ...points.map((p) => p.x)], ys, { across, up, width: 640, height: 340 });
  const marks = points.map((p) => [
    h("line.interval.flat", { x1: plot.x(p.x), x2: plot.x(p.x), y1: plot.y(p.low), y2: plot.y(p.high) }),
    h("circle.mark", { cx: plot.x(p.x), cy: plot.y(p.value), r: 4.5 }, h("title", {}, `${p.name}: ${fixed(p.value)}`)),
    h("text.label", { x: plot.x(p.x) + 8, y: plot.y(p.value) + 4 }, clip(p.name, 24)),
  ]);
  return picture(plot.width, plot.height, label, plot.parts, marks);
}

function sign(at) {
  return String(+at.toFixed(6)).replace("-", "−");
}

function clip(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
