// The last decisions: each opens to its reason, every rule's word, and what was kept of its words.

import { el, byId, clock, facts, p, percent, say, seconds, signed, tier, usd } from "./dom.js";
import { ask, json } from "./talk.js";

const RATINGS = [
  ["good", "Good", 1],
  ["bad", "Bad", 0],
  ["corrected", "Corrected", 0.2],
];
const FEW = 10; // rows that are shown at first
const rows = new Map(); // decision -> its row in the list
let unfolded = false;

function rated(one) {
  if (one.rating === null) return "";
  if (one.rated_as === "corrected") return "corrected";
  return one.rating >= 0.5 ? "good" : "bad";
}

/** Buttons that say how an answer was. */
export function rating(one) {
  const box = el("div", { class: "rate", role: "group", "aria-label": "Rate this answer" });
  const press = (word) => {
    for (const button of box.children)
      button.setAttribute("aria-pressed", String(button.value === word));
  };
  const send = async (word, name) => {
    try {
      await ask("/v1/feedback", { body: { decision_id: one.id, rating: word } });
      press(word);
      say(`Rated: ${name}.`);
    } catch (error) {
      say(`Not rated: ${error.message}`);
    }
  };
  box.append(
    ...RATINGS.map(([word, name]) =>
      el(
        "button",
        {
          type: "button",
          class: "button small",
          value: word,
          "aria-pressed": "false",
          on: { click: () => send(word, name) },
        },
        name,
      ),
    ),
  );
  press(rated(one));
  box.press = press;
  return box;
}

const words = (name, text, cut = false) =>
  text
    ? el(
        "div",
        { class: "kept" },
        el("h3", null, name),
        el(
          "div",
          { class: "words", tabindex: "0", role: "region", "aria-label": name },
          text + (cut ? " …" : ""),
        ),
      )
    : null;

/** What every rule said. */
export const trail = (steps) =>
  el(
    "ol",
    { class: "trail" },
    steps.map((step) =>
      el(
        "li",
        null,
        el("span", { class: "rule" }, step.rule),
        el("span", { class: "trail-words" }, step.words),
        el(
          "span",
          { class: "left" },
          (Array.isArray(step.left) ? step.left : [step.left]).map((name) => tier(String(name))),
        ),
      ),
    ),
  );

/** What looking at the local answer showed, in facts. */
export function lookOf(one) {
  const out = [];
  if (one.checks.length) out.push(["Found", one.checks.join(", ")]);
  if (one.p_local_after !== null)
    out.push(["After the look", `local ${p(one.p_local_after)}, cloud ${p(one.p_cloud_after)}`]);
  if (one.second_model) out.push(["Second opinion", one.second_model]);
  if (one.held_chars !== null)
    out.push(["Held", `${one.held_chars} characters for ${seconds(one.held_s)}`]);
  if (one.escalated) out.push(["Escalated", "the cloud's answer replaced the local one"]);
  return out;
}

export function numbersOf(one) {
  const out = [];
  if (one.p_local !== null)
    out.push(
      ["Probability of a good answer", `local ${p(one.p_local)}, cloud ${p(one.p_cloud)}`],
      ["Gain against threshold", `${signed(one.gain)} against ${p(one.threshold)}`],
    );
  if (one.propensity !== null) out.push(["Chance of this tier", percent(one.propensity)]);
  return out;
}

function whole(one) {
  const tokens =
    one.input_tokens === null
      ? []
      : [["Tokens", `${one.input_tokens} in, ${one.output_tokens ?? 0} out`]];
  const price =
    one.tier === "cloud"
      ? [["Cost", usd(one.cost_usd ?? 0)]]
      : one.cloud_usd === null
        ? []
        : [["The cloud would cost", `about ${usd(one.cloud_usd)}`]];
  const about = [
    ...numbersOf(one),
    ...lookOf(one),
    ...price,
    ...tokens,
    ["Model", one.model ?? "–"],
    ["Asked over", one.api + (one.stream ? ", streamed" : "")],
    ...(one.key ? [["Key", one.key]] : []),
  ];
  const hidden = one.private_kinds.length
    ? `Private (${one.private_kinds.join(", ")}): no word of it was kept.`
    : one.kept
      ? null
      : "No words were kept (store in router.toml).";
  return [
    el("p", { class: "reason" }, one.reason),
    one.error ? el("p", { class: "wrong" }, `Failed: ${one.error} (${one.status})`) : null,
    el(
      "div",
      { class: "columns" },
      el("div", null, el("h3", null, "Rules"), trail(one.trail)),
      el("div", null, el("h3", null, "Numbers"), el("dl", { class: "facts" }, facts(about))),
    ),
    hidden
      ? el("p", { class: "muted" }, hidden)
      : [
          words("Request", one.text, one.cut),
          words("Answer", one.answer),
          words("Local answer that was replaced", one.local_answer),
          words("Second opinion", one.second_answer),
        ],
  ]
    .flat()
    .filter(Boolean);
}

function title(one) {
  if (one.private_kinds.length)
    return el("span", { class: "title quiet" }, `Private: ${one.private_kinds.join(", ")}`);
  if (one.text) return el("span", { class: "title" }, one.text + (one.cut ? " …" : ""));
  return el(
    "span",
    { class: "title quiet" },
    one.kind && one.kind !== "request" ? `${one.kind} (words not kept)` : "Words not kept",
  );
}

function made(one) {
  const body = el("div", { class: "more" });
  const open = async (event) => {
    if (!event.target.open || body.childNodes.length) return;
    body.replaceChildren(el("p", { class: "muted" }, "Reading …"));
    try {
      body.replaceChildren(...whole(await json(`/page/decisions/${encodeURIComponent(one.id)}`)));
    } catch (error) {
      body.replaceChildren(el("p", { class: "wrong" }, error.message));
    }
  };
  const flags = [
    one.explored ? "explored" : null,
    one.escalated ? "escalated" : null,
    one.audited && !one.private_kinds.length ? "please rate" : null,
    one.status !== 200 ? `failed ${one.status}` : null,
  ].filter(Boolean);
  const buttons = rating(one);
  const row = el(
    "li",
    { "data-id": one.id },
    el(
      "details",
      { on: { toggle: open } },
      el(
        "summary",
        null,
        el(
          "time",
          { class: "when", datetime: new Date(one.at * 1000).toISOString() },
          clock(one.at),
        ),
        tier(one.status === 200 ? one.tier : null),
        el(
          "span",
          { class: "what" },
          title(one),
          el(
            "span",
            { class: "why muted" },
            el("span", { class: "rule" }, one.rule),
            flags.map((flag) => el("span", { class: `flag ${flag.split(" ")[0]}` }, flag)),
          ),
        ),
        el(
          "span",
          { class: "took number muted" },
          el("span", null, seconds(one.latency_s)),
          el("span", null, one.cost_usd ? usd(one.cost_usd) : "free"),
        ),
      ),
      body,
    ),
    one.status === 200 ? buttons : el("div", { class: "rate" }),
  );
  row.press = (now) => buttons.press(rated(now));
  return row;
}

/** Hide all but the first rows until somebody wants more; what is open stays in sight. */
function cut(list) {
  const more = byId("decisions-more");
  let hidden = 0;
  [...list.children].forEach((row, i) => {
    row.hidden =
      !unfolded &&
      i >= FEW &&
      !row.querySelector("details[open]") &&
      !row.contains(document.activeElement);
    hidden += row.hidden;
  });
  more.hidden = hidden === 0;
  more.textContent = `Show ${hidden} more`;
  more.onclick = () => {
    unfolded = true;
    cut(list);
    list.children[FEW]?.querySelector("summary")?.focus();
  };
}

/** Rows that stand there stay as they are, opened and focused; new ones come on top. */
export function decisions({ decisions: all, viewer, model }) {
  const list = byId("decisions");
  byId("decisions-note").textContent = viewer.owner
    ? model.store === "full"
      ? ""
      : `store = ${model.store}: no words are kept`
    : `only those of the key ${viewer.key}`;
  const there = new Set(all.map((one) => one.id));
  for (const [id, row] of rows) {
    if (there.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  list.querySelector(".none")?.remove();
  let next = list.firstChild;
  for (const one of all) {
    const known = rows.get(one.id);
    if (known === undefined) {
      const row = made(one);
      rows.set(one.id, row);
      list.insertBefore(row, next);
    } else {
      known.press(one);
      if (known !== next) list.insertBefore(known, next);
      next = known.nextSibling;
    }
  }
  cut(list);
  if (!all.length)
    list.append(
      el(
        "li",
        { class: "none muted" },
        "Nothing was asked yet. Try a prompt above, or point a client here: base_url = ",
        el("code", null, `${location.origin}/v1`),
        ", model = auto.",
      ),
    );
}
