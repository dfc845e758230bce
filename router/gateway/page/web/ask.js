// A prompt to try: the decision first, then the answer as it comes, then what the look showed.

import { byId, el, facts, say, seconds, show, tier, usd } from "./dom.js";
import { ask, eventsOf, json } from "./talk.js";
import { lookOf, numbersOf, rating, trail } from "./decisions.js";

function decided(one) {
  const known = one.prediction;
  const numbers = known ? numbersOf({ ...known, propensity: one.propensity }) : [];
  return [
    el("p", null, tier(one.tier), " ", el("span", { class: "muted" }, one.model ?? "")),
    el("p", { class: "reason" }, one.reason),
    el(
      "dl",
      { class: "facts" },
      facts([...numbers, ["A cloud answer costs", `about ${usd(one.est_cloud_usd)}`]]),
    ),
    el("details", { class: "plain" }, el("summary", null, "Every rule's word"), trail(one.trail)),
  ];
}

const whom = (one) =>
  one.tier === "local" ? "The local model" : one.tier === "cloud" ? "The cloud" : "Nobody";

/** The row is written before the last byte came, so it is there. */
async function looked(id, began) {
  const one = await json(`/page/decisions/${encodeURIComponent(id)}`);
  const found = lookOf(one);
  const calm =
    one.cascade === "off"
      ? "No look: cascade is off."
      : one.tier === "cloud" && !one.escalated
        ? "No look: the cloud answered at once."
        : "No look: nothing could have replaced this answer.";
  const took = seconds((performance.now() - began) / 1000);
  const price = one.cost_usd ? ` for ${usd(one.cost_usd)}` : ", free";
  show(
    "asked-look",
    found.length ? el("dl", { class: "facts" }, facts(found)) : el("p", { class: "muted" }, calm),
    el(
      "p",
      { class: "muted small" },
      `${whom(one)} answered in ${took}${price}.${found.length ? ` ${one.reason}` : ""}`,
    ),
  );
  show("asked-rate", one.status === 200 ? rating(one) : null);
  say(`${whom(one)} answered.`);
}

async function streamed(answer, box) {
  for await (const event of eventsOf(answer)) {
    if (event.data === "[DONE]") return;
    const told = JSON.parse(event.data);
    if (told.error) throw new Error(told.error.message ?? String(told.error));
    for (const choice of told.choices ?? []) box.append(choice.delta?.content ?? "");
  }
}

async function run(text, private_, look) {
  const messages = [{ role: "user", content: text }],
    box = byId("asked-answer");
  const more = {
    ...(private_ ? { "x-router-privacy": "private" } : {}),
    ...(look ? { "x-router-cascade": look } : {}),
  };
  byId("asked").hidden = false;
  show("asked-decision", el("p", { class: "muted" }, "Deciding …"));
  for (const id of ["asked-look", "asked-answer", "asked-rate"]) show(id);
  const began = performance.now();
  show(
    "asked-decision",
    decided(await json("/v1/route", { body: { model: "auto", messages }, more })),
  );
  show("asked-look", el("p", { class: "muted" }, "Asking …"));
  const answer = await ask("/v1/chat/completions", {
    body: { model: "auto", messages, stream: true },
    more,
  });
  await streamed(answer, box);
  await looked(answer.headers.get("x-router-decision-id"), began);
}

export function asking() {
  const button = byId("send"),
    prompt = byId("prompt"),
    form = byId("ask");
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (!prompt.value.trim() || button.disabled) return;
    button.disabled = true;
    try {
      await run(prompt.value, byId("stay").checked, byId("look").value);
    } catch (error) {
      show("asked-look", el("p", { class: "wrong" }, error.message));
      say(error.message);
    }
    button.disabled = false;
  };
  prompt.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  };
}
