// Making elements. Whatever a user wrote goes in as text; nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, given, children) {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on")
      for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** An element; `given`: attributes, and `on`: listeners by event. Children are nodes or texts. */
export const el = (tag, given, ...children) => filled(document.createElement(tag), given, children);
export const svg = (tag, given, ...children) =>
  filled(document.createElementNS(SVG, tag), given, children);
export const byId = (id) => document.getElementById(id);

/** Put `children` in place of what is there; what was unfolded or focused stays so. */
export function show(id, ...children) {
  const box = byId(id);
  const open = [...box.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
  const focused = box.contains(document.activeElement) ? document.activeElement.textContent : null;
  box.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const one of box.querySelectorAll("details > summary")) {
    one.parentElement.open = open.includes(one.textContent);
  }
  if (focused === null) return;
  const same = (one) => one.textContent === focused;
  [...box.querySelectorAll("button, summary, [tabindex]")].find(same)?.focus();
}

/** Say something to whoever listens instead of looks; sparingly. */
export function say(words) {
  byId("said").textContent = words;
}

const whole = new Intl.NumberFormat("en");
export const count = (n) => whole.format(n);
export const plural = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const percent = (share) => {
  const of = share * 100;
  return `${of > 0 && of < 1 ? "<1" : of > 99 && of < 100 ? ">99" : Math.round(of)} %`;
};

export function usd(value) {
  const size = Math.abs(value);
  const digits = size === 0 ? 0 : size < 0.01 ? 4 : size < 1 ? 3 : size < 1000 ? 2 : 0;
  const text = size.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${value < 0 && Number(text) !== 0 ? "−" : ""}$${text}`;
}

export function seconds(s) {
  if (s === null || s === undefined) return "–";
  if (s < 0.0995) return `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  return s < 120 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`;
}

export const p = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
export const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

const sameDay = (a, b) => a.toDateString() === b.toDateString();
export function clock(at) {
  const then = new Date(at * 1000);
  const time = then.toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return sameDay(then, new Date())
    ? time
    : `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time.slice(0, 5)}`;
}

/** A list of terms with what they are. */
export const facts = (pairs) =>
  pairs.map(([term, ...what]) => el("div", null, el("dt", null, term), el("dd", null, ...what)));
export const tier = (name) => el("span", { class: `tier ${name ?? "none"}` }, name ?? "no answer");
