// The model in force, where it comes from, what waits in shadow; promotion and the way back.

import { byId, clock, count, el, facts, percent, say, show } from "./dom.js";
import { ask } from "./talk.js";

/** Ask whether something shall be done; true or false. */
function sure(title, words, yes) {
  const box = byId("sure-box"),
    form = byId("sure-form");
  byId("sure-title").textContent = title;
  byId("sure-words").textContent = words;
  byId("sure-yes").textContent = yes;
  return new Promise((answer) => {
    let said = false;
    form.onsubmit = (event) => {
      event.preventDefault();
      said = true;
      box.close();
    };
    byId("sure-no").onclick = () => box.close();
    box.onclose = () => answer(said);
    box.showModal();
    byId("sure-no").focus();
  });
}

async function move(path, body, [title, words, yes], changed) {
  if (!(await sure(title, words, yes))) return;
  try {
    const answer = await (await ask(path, { body })).json();
    say(`${answer.version} is current.`);
    byId("model-note").textContent = "";
  } catch (error) {
    say(error.message);
    byId("model-note").textContent = error.message;
  }
  changed();
}

function lineage(model) {
  const by = new Map(model.versions.map((one) => [one.name, one]));
  const chain = [];
  for (let one = by.get(model.version); one && !chain.includes(one); one = by.get(one.base))
    chain.push(one);
  const first = chain.at(-1)?.base;
  return [...(first ? [first] : []), ...chain.map((one) => one.name).reverse()];
}

function shadow({ shadow: one }) {
  if (one === null) return ["In shadow", el("span", { class: "muted" }, "nobody")];
  const share = one.seen ? `, ${percent(one.to_cloud / one.seen)} to the cloud` : "";
  return [
    "In shadow",
    el("strong", null, one.version),
    ` ${count(one.seen)} of ${count(one.needed)} requests decided${share}`,
    el("progress", {
      max: Math.max(one.needed, 1),
      value: Math.min(one.seen, one.needed),
      "aria-label": `Requests that ${one.version} decided in shadow`,
    }),
  ];
}

export function model({ model: now }, changed) {
  const can = now.may_move && !now.pinned;
  const small = (click, ...label) =>
    el("button", { type: "button", class: "button small", on: { click } }, ...label);
  const promote = (one) =>
    small(
      () =>
        move(
          "/page/promote",
          { version: one.name },
          [
            `Promote ${one.name}?`,
            `${one.name} will decide every request from now on instead of ${now.version}. ` +
              "You can roll back.",
            "Promote",
          ],
          changed,
        ),
      "Promote",
      el("span", { class: "hidden" }, ` ${one.name}`),
    );
  const back = small(
    () =>
      move(
        "/page/rollback",
        {},
        [
          `Roll back to ${now.previous}?`,
          `${now.previous} will decide every request from now on instead of ${now.version}.`,
          "Roll back",
        ],
        changed,
      ),
    `Roll back to ${now.previous}`,
  );
  const chain = lineage(now);
  const table = el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Versions" },
    el(
      "table",
      null,
      el(
        "thead",
        null,
        el(
          "tr",
          null,
          ["Version", "Role", "Made", "From", "Said of it", ""].map((name) =>
            el("th", { scope: "col" }, name || el("span", { class: "hidden" }, "Action")),
          ),
        ),
      ),
      el(
        "tbody",
        null,
        now.versions
          .slice(0, 12)
          .map((one) =>
            el(
              "tr",
              { class: one.name === now.version ? "is-current" : null },
              el("th", { scope: "row" }, one.name),
              el("td", null, one.role ? el("span", { class: `role ${one.role}` }, one.role) : ""),
              el("td", { class: "number" }, one.created_at.slice(0, 10)),
              el("td", null, one.base || "–"),
              el("td", null, one.words || "–"),
              el("td", null, can && one.name !== now.version ? promote(one) : ""),
            ),
          ),
      ),
    ),
  );
  show(
    "model",
    el(
      "dl",
      { class: "facts" },
      facts([
        ["In force", el("strong", null, now.version), ` (policy ${now.policy})`],
        ["Lineage", chain.join(" → ") || "–"],
        shadow(now),
        ["Decides by", now.operating_point],
        ["Local, cloud", `${now.local_model}, ${now.cloud_model ?? "no cloud"}`],
        [
          "Look, exploration",
          `${now.cascade}, ${now.exploration ? percent(now.exploration) : "none"}`,
        ],
      ]),
    ),
    table,
    can && now.previous && now.previous !== now.version ? el("div", { class: "row" }, back) : null,
    now.pinned
      ? el(
          "p",
          { class: "muted small" },
          "version is set in router.toml, so no version can be exchanged here.",
        )
      : null,
    !now.may_move
      ? el(
          "p",
          { class: "muted small" },
          "This key may look; owners in router.toml names who may exchange versions.",
        )
      : null,
    now.promises.length
      ? el(
          "details",
          { class: "plain" },
          el("summary", null, "What it promises"),
          el(
            "ul",
            null,
            now.promises.map((one) => el("li", null, one)),
          ),
        )
      : null,
    now.events.length
      ? el(
          "details",
          { class: "plain" },
          el("summary", null, "What happened to versions"),
          el(
            "ul",
            { class: "events" },
            now.events.map((one) =>
              el("li", null, el("time", { class: "muted number" }, clock(one.at)), ` ${one.words}`),
            ),
          ),
        )
      : null,
  );
}
