// The page: asks for the numbers when something happened, and shows what has changed.

import { byId } from "./dom.js";
import { forgetKey, hasKey, json, listen, onKeyNeeded } from "./talk.js";
import * as panels from "./panels.js";
import { decisions } from "./decisions.js";
import { curve } from "./curve.js";
import { model } from "./model.js";
import { asking } from "./ask.js";

const POLL_MS = 10_000,
  CURVE_MS = 60_000,
  CALM_MS = 400,
  LATE_MS = 3000;
const shown = new Map(); // panel -> the values it shows
let span = "day",
  running = false,
  again = false,
  curveAt = 0;

/** Draw a panel where one of its values has changed. */
function panel(name, numbers, parts, draw) {
  const now = JSON.stringify(parts.map((part) => numbers[part]));
  if (shown.get(name) === now || parts.some((part) => numbers[part] === null)) return;
  shown.set(name, now);
  draw(numbers);
}

function render(numbers) {
  const { model: now, viewer } = numbers;
  if (now) {
    const rest = now.cloud_model ? `and ${now.cloud_model}` : "alone";
    byId("who").textContent = `${now.local_model} ${rest}, decided by ${now.version}`;
  }
  byId("forget").hidden = !hasKey() || viewer.key === null;
  panel("tiles", numbers, ["traffic", "money", "latency"], panels.tiles);
  panel("traffic", numbers, ["traffic"], panels.traffic);
  panel("lights", numbers, ["lights"], panels.lights);
  panel("money", numbers, ["money"], panels.money);
  panel("latency", numbers, ["latency"], panels.latency);
  panel("model", numbers, ["model"], (all) => model(all, refresh));
  panel("decisions", numbers, ["decisions", "viewer", "model"], decisions);
}

/** What the gateway tells at an address; null, and said beside the title, where it does not. */
async function told(path) {
  try {
    const known = await json(path);
    link(stream);
    return known;
  } catch (error) {
    link("lost", error.status ? error.message : undefined);
    return null;
  }
}

/** One question at a time; what is asked for meanwhile is asked once more at its end. */
async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    const numbers = await told(`/page/numbers?span=${span}`);
    if (numbers !== null) {
      render(numbers);
      again ||= numbers.waiting;
      if (!numbers.waiting) document.documentElement.dataset.ready = "yes";
    }
    if (numbers !== null && (performance.now() - curveAt > CURVE_MS || curveAt === 0)) {
      curveAt = performance.now();
      const known = await told("/page/curve");
      if (known !== null) curve(known);
    }
    await new Promise((done) => setTimeout(done, CALM_MS));
  } while (again);
  running = false;
}

let stream = "off"; // whether events come
const LINK = { off: "Connecting", live: "Live", lost: "No connection; trying again" };

function link(state, words) {
  const box = byId("link"),
    said = words ?? LINK[state];
  if (box.dataset.state !== state) box.dataset.state = state;
  if (byId("link-words").textContent !== said) byId("link-words").textContent = said;
}

let asked = null; // two requests that are refused at once ask for one key
function askForKey(wrong) {
  asked ??= new Promise((given) => {
    const box = byId("key-box"),
      field = byId("key");
    byId("key-wrong").textContent = wrong;
    byId("key-form").onsubmit = (event) => {
      event.preventDefault();
      if (!field.value.trim()) return;
      box.close();
      asked = null;
      given(field.value.trim());
      field.value = "";
    };
    box.oncancel = (event) => event.preventDefault(); // without a key there is nothing to see
    if (!box.open) box.showModal();
    field.focus();
  });
  return asked;
}

onKeyNeeded(askForKey);
byId("span").onchange = (event) => {
  span = event.target.value;
  refresh();
};
byId("forget").onclick = () => {
  forgetKey();
  location.reload();
};
asking();
let late = 0;
/** Requests have ended; on a long log the sums follow a moment later. */
function heard() {
  if (document.hidden) return;
  refresh();
  clearTimeout(late);
  late = setTimeout(refresh, LATE_MS);
}
refresh().then(() =>
  listen("/page/events", heard, (state) => {
    stream = state;
    link(state);
  }),
);
setInterval(() => document.hidden || refresh(), POLL_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
