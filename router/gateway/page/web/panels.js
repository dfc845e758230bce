// The panels that only show: tiles, traffic, lights, money, latency.

import { el, show, byId, count, percent, plural, usd, seconds, facts } from "./dom.js";
import { drawn, traffic as trafficPicture, latency as latencyPicture } from "./charts.js";

const minus = (value) => usd(value ? -value : 0);
const SPANS = {
  hour: "in the last hour",
  day: "in the last day",
  week: "in the last week",
  month: "in the last 30 days",
};
const sum = (values) => values.reduce((a, b) => a + b, 0);

function tile(name, value, about, cls = "") {
  return el(
    "div",
    { class: `tile ${cls}` },
    el("p", { class: "tile-name" }, name),
    el("p", { class: "tile-value" }, value),
    el("p", { class: "tile-about" }, about),
  );
}

export function tiles({ traffic, money, latency, span }) {
  const [local, cloud, none] = [traffic.local, traffic.cloud, traffic.none].map(sum);
  const all = local + cloud + none,
    answered = local + cloud;
  const saved =
    money.all_cloud_usd > 0
      ? `${percent(Math.max(0, money.saved_usd) / money.all_cloud_usd)} of all to the cloud`
      : "nothing to compare yet";
  show(
    "tiles",
    tile(
      "Requests",
      count(all),
      `${SPANS[span]}${none ? `, ${count(none)} without an answer` : ""}`,
    ),
    tile(
      "Answered locally",
      answered ? percent(local / answered) : "–",
      answered ? `${count(local)} of ${count(answered)} answers` : "no answers yet",
      "is-local",
    ),
    tile("Saved", usd(money.saved_usd), `${saved}, ${money.days} days`),
    tile(
      "Typical wait",
      latency.local ? seconds(latency.local.p50_s) : "–",
      latency.cloud
        ? `local; cloud ${seconds(latency.cloud.p50_s)}`
        : latency.local
          ? "local; the cloud was not asked"
          : "no answers yet",
    ),
  );
}

export function traffic({ traffic: given, span }) {
  show(
    "traffic-key",
    ["local", "cloud", "none"].map((name) =>
      el("span", { class: `swatch ${name}` }, name === "none" ? "no answer" : name),
    ),
  );
  drawn(byId("traffic"), trafficPicture(given, span));
}

const STATES = { good: "good", warn: "look at it", bad: "bad", off: "nothing to tell" };

export function lights({ lights: all }) {
  show(
    "lights",
    all.map((one) =>
      el(
        "li",
        { class: `light ${one.state}` },
        el("span", { class: "lamp", "aria-hidden": "true" }),
        el(
          "div",
          null,
          el(
            "p",
            { class: "light-name" },
            one.name,
            el("span", { class: "hidden" }, `, ${STATES[one.state]}`),
          ),
          el("p", { class: "muted small" }, one.words),
        ),
      ),
    ),
  );
}

function meter(one) {
  const left = Math.max(0, one.cap_usd - one.spent_usd),
    name = `Budget ${one.words}`;
  return el(
    "div",
    { class: "budget" },
    el(
      "p",
      null,
      el("span", null, name),
      el("span", { class: "number" }, `${usd(left)} left of ${usd(one.cap_usd)}`),
    ),
    el("meter", {
      min: 0,
      max: one.cap_usd || 1,
      value: Math.min(one.spent_usd, one.cap_usd || 1),
      high: one.cap_usd * 0.9 || 1,
      "aria-label": `${name}: ${usd(one.spent_usd)} spent of ${usd(one.cap_usd)}`,
    }),
  );
}

export function money({ money: given }) {
  byId("money-note").textContent = `last ${given.days} days`;
  const row = (name, value, about, cls = "") =>
    el(
      "div",
      { class: `line ${cls}` },
      el("dt", null, name, about ? el("span", { class: "muted small" }, about) : null),
      el("dd", { class: "number" }, value),
    );
  show(
    "money",
    el(
      "dl",
      { class: "sums" },
      row(
        "All to the cloud",
        usd(given.all_cloud_usd),
        given.estimated ? `${percent(given.estimated)} of it estimated` : "what it would have cost",
      ),
      row(
        "Spent on answers",
        minus(given.spent_usd - given.exploration_usd),
        plural(given.cloud, "cloud answer"),
      ),
      row("Spent to explore", minus(given.exploration_usd), "asking the cloud to learn"),
      row("Spent to judge", minus(given.aside_usd), "calls beside requests"),
      row("Saved", usd(given.saved_usd), null, "total"),
    ),
    given.budgets.length
      ? given.budgets.map(meter)
      : el(
          "p",
          { class: "muted small" },
          "No cap is set: budget_day_usd and budget_month_usd in router.toml.",
        ),
  );
}

export function latency({ latency: given }) {
  const known = ["local", "cloud"]
    .filter((name) => given[name])
    .map((name) => ({ tier: name, ...given[name] }));
  byId("latency-note").textContent = known.length
    ? `last ${plural(sum(known.map((one) => one.answers)), "answer")}`
    : "";
  if (!known.length) return show("latency", el("p", { class: "muted" }, "No answer yet."));
  const least = Math.min(...known.map((one) => one.p50_s)) * 0.8,
    most = Math.max(...known.map((one) => one.p99_s)) * 1.1;
  show(
    "latency",
    known.map((one) => {
      const box = el("div", { class: "chart thin" });
      const block = el(
        "div",
        { class: "wait" },
        el(
          "p",
          null,
          el("span", { class: `tier ${one.tier}` }, one.tier),
          el("span", { class: "muted small" }, plural(one.answers, "answer")),
        ),
        box,
        el(
          "dl",
          { class: "facts" },
          facts([
            ["half within", seconds(one.p50_s)],
            ["9 in 10", seconds(one.p90_s)],
            ["99 in 100", seconds(one.p99_s)],
            ["first word", seconds(one.first_s)],
          ]),
        ),
      );
      requestAnimationFrame(() => drawn(box, latencyPicture(one, least, most)));
      return block;
    }),
  );
}
