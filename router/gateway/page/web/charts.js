// Pictures drawn by hand. Each is an image with words for who cannot see it.

import { svg, count, usd, seconds } from "./dom.js";

const LEFT = 44,
  RIGHT = 10,
  TOP = 10,
  BOTTOM = 26;

/** Draw into `box` now and whenever its size changes. */
export function drawn(box, draw) {
  const again = () => {
    const width = Math.max(box.clientWidth, 220),
      height = box.clientHeight || 200;
    box.replaceChildren(draw(width, height));
  };
  box.again?.disconnect();
  let last = `${box.clientWidth} ${box.clientHeight}`;
  box.again = new ResizeObserver(() => {
    const now = `${box.clientWidth} ${box.clientHeight}`;
    if (now !== last) again();
    last = now;
  });
  box.again.observe(box);
  again();
}

function picture(width, height, words, ...parts) {
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
    ...parts,
  );
}

const text = (x, y, words, anchor = "middle", more = "") =>
  svg("text", { x, y, "text-anchor": anchor, class: `label ${more}` }, words);
const line = (x1, y1, x2, y2, cls) => svg("line", { x1, y1, x2, y2, class: cls });
const path = (points, cls) =>
  svg("path", {
    d: points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
    class: cls,
  });

/** Round steps from 0 to at least `most`. */
function ticks(most, about = 4) {
  const raw = most / about,
    size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * size).find((s) => s >= raw * 0.999);
  const out = [];
  for (let at = 0; at < most + step * 0.999; at += step) out.push(Number(at.toPrecision(12)));
  return out;
}

function grid(width, marks, y, words) {
  return marks.map((mark) => [
    line(LEFT, y(mark), width - RIGHT, y(mark), mark === marks[0] ? "axis" : "grid"),
    text(LEFT - 8, y(mark) + 4, words(mark), "end"),
  ]);
}

const HOURS = { hour: "2-digit", minute: "2-digit" };
const DAYS = { day: "numeric", month: "short" };

function moment(at, span) {
  const when = new Date(at * 1000);
  return span === "hour" || span === "day"
    ? when.toLocaleTimeString("en-GB", HOURS)
    : when.toLocaleDateString("en-GB", DAYS);
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const inWords = (counts) =>
  counts
    .map(([name, n]) => `${count(n)} ${name === "none" ? "without an answer" : name}`)
    .join(", ");

/** Requests over time, stacked by who answered. */
export function traffic(given, span) {
  const { local, cloud, none } = given;
  const parts = [
    ["local", local],
    ["cloud", cloud],
    ["none", none],
  ];
  const sums = local.map((n, i) => n + cloud[i] + none[i]);
  const all = sums.reduce((a, b) => a + b, 0);
  return (width, height) => {
    const marks = ticks(Math.max(4, ...sums)).filter(Number.isInteger);
    const top = marks.at(-1),
      inner = height - TOP - BOTTOM;
    const y = (v) => height - BOTTOM - (v / top) * inner;
    const step = (width - LEFT - RIGHT) / sums.length;
    const bars = sums.map((_, i) => {
      let base = 0;
      const from = given.since + i * given.width_s;
      const about = `${moment(from, span)}: ${inWords(parts.map(([name, of]) => [name, of[i]]))}`;
      return svg(
        "g",
        { class: "bar" },
        svg(
          "rect",
          { x: LEFT + i * step, y: TOP, width: step, height: inner, class: "hit" },
          svg("title", null, about),
        ),
        parts.map(([name, of]) => {
          if (!of[i]) return null;
          const bottom = y(base);
          base += of[i];
          return svg("rect", {
            x: LEFT + i * step + step * 0.1,
            y: y(base),
            width: Math.max(step * 0.8, 1),
            height: Math.max(bottom - y(base), 1),
            class: `fill-${name}`,
          });
        }),
      );
    });
    const every = Math.max(1, Math.ceil(sums.length / Math.max(2, Math.floor(width / 90))));
    const labels = sums.map((_, i) =>
      i % every === 0 && i + every * 0.4 < sums.length
        ? text(
            LEFT + i * step,
            height - 8,
            moment(given.since + i * given.width_s, span),
            i ? "middle" : "start",
          )
        : null,
    );
    const words = `${count(all)} requests: ${inWords(parts.map(([name, of]) => [name, sum(of)]))}.`;
    return picture(
      width,
      height,
      words,
      grid(width, marks, y, count),
      bars,
      labels,
      all
        ? null
        : text(width / 2 + LEFT / 2, height / 2, "No requests in this span yet", "middle", "empty"),
    );
  };
}

/** Quality over cost: what the model expects as a line, what the log shows with its interval. */
export function qualityOverCost(points, extra, chosen, inForce, whole) {
  return (width, height) => {
    const cost = (one) => extra + one.expected_usd;
    const shown = points.flatMap((one) => [
      one.expected,
      ...(one.quality ? [one.quality.low, one.quality.high] : []),
    ]);
    const low = Math.max(0, Math.floor((Math.min(...shown) - 0.02) * 10) / 10),
      high = Math.min(1, Math.ceil((Math.max(...shown) + 0.02) * 10) / 10);
    const most = Math.max(...points.map(cost), 1e-6);
    const costs = ticks(most, width < 480 ? 3 : 5),
      right = costs.at(-1);
    const x = (v) => LEFT + (v / right) * (width - LEFT - RIGHT - 8);
    const y = (v) =>
      height -
      BOTTOM -
      16 -
      ((v - low) / Math.max(high - low, 1e-6)) * (height - TOP - BOTTOM - 26);
    const marks = [];
    const step = high - low > 0.45 ? 0.2 : 0.1;
    for (let v = low; v <= high + 1e-9; v += step) marks.push(v);
    const sorted = [...points].sort((a, b) => cost(a) - cost(b));
    const runs = [[]]; // a gap in what is known is a gap in the band
    for (const one of sorted) {
      if (one.quality) runs.at(-1).push(one);
      else if (runs.at(-1).length) runs.push([]);
    }
    const corner = (one, v, i) => `${i ? "L" : "M"}${x(cost(one)).toFixed(1)} ${y(v).toFixed(1)}`;
    const band = runs
      .filter((run) => run.length > 1)
      .map((run) =>
        svg("path", {
          class: "band",
          d: `${run.map((one, i) => corner(one, one.quality.high, i)).join("")}${[...run]
            .reverse()
            .map((one) => corner(one, one.quality.low, 1))
            .join("")}Z`,
        }),
      );
    const at = points[chosen],
      force = points[inForce];
    const bar = at.quality
      ? [
          line(x(cost(at)), y(at.quality.low), x(cost(at)), y(at.quality.high), "whisker"),
          ...[at.quality.low, at.quality.high].map((v) =>
            line(x(cost(at)) - 4, y(v), x(cost(at)) + 4, y(v), "whisker"),
          ),
        ]
      : [];
    const here = (one) => `${one.expected.toFixed(2)} at ${usd(cost(one))}`;
    const ends = `${here(sorted[0])} to ${here(sorted.at(-1))}`;
    const words = `Expected quality from ${ends}; chosen: ${here(at)}.`;
    return picture(
      width,
      height,
      words,
      grid(width, marks, y, (v) => v.toFixed(1)),
      costs.map((v, i) =>
        text(x(v), height - BOTTOM + 2, usd(v), i && i === costs.length - 1 ? "end" : "middle"),
      ),
      text(
        (LEFT + width) / 2,
        height - 4,
        whole ? "cost of the month" : "cost of these requests",
        "middle",
        "unit",
      ),
      text(4, TOP + 1, "quality", "start", "unit"),
      band,
      path(
        sorted.map((one) => [x(cost(one)), y(one.expected)]),
        "curve",
      ),
      bar,
      svg(
        "circle",
        { cx: x(cost(force)), cy: y(force.expected), r: 6, class: "force" },
        svg("title", null, "the threshold in force"),
      ),
      svg("circle", { cx: x(cost(at)), cy: y(at.expected), r: 5, class: "chosen" }),
    );
  };
}

const told = (name, { said, seen, answers }) =>
  `${name}: said ${said.toFixed(2)}, seen ${seen.toFixed(2)} on ${count(answers)} answers`;

/** What was said beside what came of it, by tier. */
export function reliability(bins) {
  return (width, height) => {
    const side = Math.min(width - LEFT - RIGHT, height - TOP - BOTTOM - 14),
      from = LEFT;
    const x = (v) => from + v * side,
      y = (v) => TOP + side - v * side;
    const marks = [0, 0.5, 1];
    const dots = Object.entries(bins).map(([name, of], k) =>
      of.map((bin) => {
        const at = x(bin.said) + (k ? 2 : -2);
        return [
          line(at, y(bin.low), at, y(bin.high), `whisker-${name}`),
          svg(
            "circle",
            {
              cx: at,
              cy: y(bin.seen),
              r: 3 + Math.min(4, Math.sqrt(bin.answers) / 4),
              class: `fill-${name}`,
            },
            svg("title", null, told(name, bin)),
          ),
        ];
      }),
    );
    const words =
      Object.entries(bins)
        .flatMap(([name, of]) => of.map((bin) => told(name, bin)))
        .join("; ") || "No rated answers yet.";
    return picture(
      width,
      height,
      words,
      marks.map((v) => [
        line(from, y(v), from + side, y(v), v ? "grid" : "axis"),
        text(from - 8, y(v) + 4, v.toFixed(1), "end"),
        text(x(v), TOP + side + 16, v.toFixed(1)),
      ]),
      line(x(0), y(0), x(1), y(1), "diagonal"),
      dots,
      text(from + side / 2, TOP + side + 32, "said", "middle", "unit"),
      text(from + 4, TOP + 10, "came true", "start", "unit"),
    );
  };
}

/** Quantiles of latency on a common, logarithmic scale. */
export function latency(of, least, most) {
  const [p50, p90, p99] = [of.p50_s, of.p90_s, of.p99_s].map(seconds);
  return (width) => {
    const height = 26,
      span = Math.log(most / least) || 1;
    const x = (s) => 6 + (Math.log(Math.max(s, least) / least) / span) * (width - 12);
    const until = (end, height) =>
      svg("rect", {
        x: x(of.p50_s),
        y: 13 - height / 2,
        width: Math.max(2, x(end) - x(of.p50_s)),
        height,
        rx: 3,
        class: `fill-${of.tier} soft`,
      });
    return picture(
      width,
      height,
      `Half within ${p50}, nine in ten within ${p90}, 99 in 100 within ${p99}.`,
      line(6, 13, width - 6, 13, "grid"),
      until(of.p99_s, 6),
      until(of.p90_s, 10),
      svg("circle", { cx: x(of.p50_s), cy: 13, r: 7, class: `fill-${of.tier}` }),
    );
  };
}
