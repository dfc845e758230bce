// Talking to the gateway: the key goes along where there is one, and stays in this tab.

const KEPT = "hybrid-router-key";
let asking = null; // what gives a key when one is needed

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export const hasKey = () => sessionStorage.getItem(KEPT) !== null;
export const forgetKey = () => sessionStorage.removeItem(KEPT);
export const onKeyNeeded = (ask) => {
  asking = ask;
};

function headers(more) {
  const key = sessionStorage.getItem(KEPT);
  return { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...more };
}

async function wordsOf(answer) {
  try {
    const { error } = await answer.json();
    return typeof error === "string" ? error : error.message;
  } catch {
    return `The gateway answered ${answer.status}.`;
  }
}

/** One answer of the gateway; asks for a key as often as it takes. Throws Refused. */
export async function ask(path, { body, more = {}, signal } = {}) {
  for (;;) {
    const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const used = sessionStorage.getItem(KEPT);
    const answer = await fetch(path, {
      ...sent,
      signal,
      cache: "no-store",
      headers: headers({ ...type, ...more }),
    });
    if (answer.ok) return answer;
    const words = await wordsOf(answer);
    if (answer.status !== 401 || asking === null) throw new Refused(answer.status, words);
    if (sessionStorage.getItem(KEPT) === used)
      sessionStorage.setItem(KEPT, await asking(used === null ? "" : words));
  }
}

export const json = async (path, given) => (await ask(path, given)).json();

/** The events of a stream, read with `fetch` so that the key goes along. */
export async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r\n", "\n");
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { name: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event.name = line.slice(6).trim();
        else if (line.startsWith("data:")) event.data += line.slice(5).trimStart();
      }
      if (event.data) yield event;
    }
  }
}

const RETRY_MS = [1000, 2000, 5000, 10000];

/** Listen as long as the page is open; `heard` gets each event's name, `state` live or lost. */
export async function listen(path, heard, state) {
  let failed = 0;
  for (;;) {
    try {
      const answer = await ask(path);
      for await (const event of eventsOf(answer)) {
        failed = 0;
        state("live");
        heard(event.name);
      }
    } catch {
      // Said by `state`; tried again below.
    }
    state("lost");
    await new Promise((done) =>
      setTimeout(done, RETRY_MS[Math.min(failed++, RETRY_MS.length - 1)]),
    );
  }
}
