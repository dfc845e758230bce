// Quality over cost with a threshold to move, and how far probabilities hold.

import { byId, clock, count, el, facts, percent, plural, show, usd } from "./dom.js";
import { drawn, qualityOverCost, reliability as reliabilityPicture } from "./charts.js";

let given = null,
  chosen = 0,
  inForce = 0,
  moved = false;

const range = (one, words) => `${words(one.value)} [${words(one.low)}, ${words(one.high)}]`;
const two = (v) => v.toFixed(2);

function words() {
  const one = given.points[chosen],
    extra = given.elsewhere_usd;
  const plus = (r) => ({ value: r.value + extra, low: r.low + extra, high: r.high + extra });
  const out = [
    ["To the cloud", percent(one.share)],
    ["The model expects", `${usd(one.expected_usd + extra)}, quality ${two(one.expected)}`],
  ];
  if (one.usd)
    out.push([
      "The log shows",
      `${range(plus(one.usd), usd)}${one.quality ? `, quality ${range(one.quality, two)}` : ""}`,
    ]);
  const why = one.words ? [[one.quality ? "Note" : "The log cannot say", one.words]] : [];
  byId("cut-value").textContent =
    `${one.threshold.toFixed(3)}${chosen === inForce ? " (in force)" : ""}`;
  const expected = usd(one.expected_usd + extra);
  byId("cut").setAttribute(
    "aria-valuetext",
    `${one.threshold.toFixed(3)}, ${percent(one.share)} to the cloud, ${expected}`,
  );
  show(
    "cut-words",
    facts(out),
    facts(why).map((row) => (row.classList.add("wide"), row)),
  );
}

function draw() {
  drawn(
    byId("curve"),
    qualityOverCost(given.points, given.elsewhere_usd, chosen, inForce, given.whole),
  );
  words();
}

export function curve(now) {
  given = now;
  reliability(now);
  const { points } = now;
  byId("curve-tools").hidden = !points.length;
  if (!points.length) {
    byId("curve-note").textContent = "";
    byId("curve").replaceChildren(
      el("p", { class: "blank muted" }, "It is drawn once the model has decided some requests."),
    );
    return;
  }
  const of = now.whole
    ? `${plural(now.requests, "request")} of ${now.days} days`
    : `the last ${count(now.requests)} requests, since ${clock(now.since)},`;
  byId("curve-note").textContent =
    `${of} that the model decided; ${count(now.rated)} rated, ` +
    `${count(now.explored)} with a chance for either tier`;
  inForce = points.reduce(
    (best, one, i) =>
      Math.abs(one.threshold - now.in_force) < Math.abs(points[best].threshold - now.in_force)
        ? i
        : best,
    0,
  );
  if (!moved || chosen >= points.length) chosen = inForce;
  const slider = byId("cut");
  slider.max = points.length - 1;
  slider.value = chosen;
  slider.oninput = () => {
    moved = true;
    chosen = Number(slider.value);
    draw();
  };
  draw();
}

function reliability({ reliability: bins, rated, days }) {
  show(
    "reliability-key",
    ["local", "cloud"].map((name) => el("span", { class: `swatch ${name}` }, name)),
  );
  drawn(byId("reliability"), reliabilityPicture(bins));
  const all = Object.values(bins)
    .flat()
    .reduce((sum, bin) => sum + bin.answers, 0);
  byId("reliability-note").textContent = all
    ? `${plural(all, "rated answer")} of ${days} days with 95 % intervals. ` +
      "On the line, what was said came true as often; who rates chooses what."
    : "No answer was rated yet: use the buttons beside the decisions.";
}
