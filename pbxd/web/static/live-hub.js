// One stream of events for any number of listeners: pages that a shared worker serves, or one page alone.
//
// Read with fetch, not EventSource: that gives up after any answer but 200, does not tell a session that ended from a
// proxy's 502, and doesn't show pings, without which a cut network is never noticed.

const KINDS = "call.*,contact.*,company.*,employee.*,import.*,gap,gap.*,queue.*,vip.*,extension.*,live.call";
const SILENCE_MS = 40_000; // a ping comes every 15 s
const LONGEST_MS = 10_000; // between two attempts
const KEPT = 1000; // events for pages that come later

/**
 * @typedef {{seq: number | null, kind: string, subject: string, data: Record<string, any>, at: string}} Happening
 * @typedef {"off" | "connected" | "away" | "signed-out"} State
 * @typedef {{event: Happening} | {reset: true} | {state: State}} Message
 * @typedef {(message: Message) => void} Listener
 */

export class Hub {
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {Happening[]} */
  #events = [];
  /** @type {number | null} every event after this one is in #events; null: nothing was read, nor asked for */
  #from = null;
  /** @type {number | null} */
  #cursor = null;
  /** @type {Map<string, Happening>} the present states of phones and calls, which have no number */
  #present = new Map();
  /** @type {State} */
  #state = "off";
  #attempts = 0;
  /** @type {number | undefined} */
  #timer;
  /** @type {AbortController | null} */
  #running = null;

  /**
   * Let a page listen. It gets what came after the feed's number that it was made at, the present states, and what
   * happens from now on.
   * @param {Listener} listen @param {number | null} seq
   */
  join(listen, seq) {
    this.#listeners.add(listen);
    listen({ state: this.#state });
    if (this.#from === null) this.#from = this.#cursor = seq;
    else if (seq !== null && seq < this.#from) listen({ reset: true });
    else if (seq !== null) for (const event of this.#events) if ((event.seq ?? 0) > seq) listen({ event });
    for (const event of this.#present.values()) listen({ event });
    this.wake();
  }

  /** @param {Listener} listen */
  leave(listen) {
    this.#listeners.delete(listen);
  }

  /** Connect at once unless connected: somebody signed in, or the network is back. */
  wake() {
    if (this.#running) return;
    clearTimeout(this.#timer);
    this.#attempts = 0;
    this.#follow();
  }

  /** A page says that the network is gone: drop the connection; a new one is tried. */
  doubt() {
    this.#running?.abort();
  }

  async #follow() {
    const control = (this.#running = new AbortController());
    try {
      await this.#read(control);
    } catch {
      // Away, cut or silent: it is tried again.
    }
    control.abort();
    this.#running = null;
    if (this.#state === "signed-out") return;
    this.#turn("away");
    const pause = Math.min(LONGEST_MS, 400 * 2 ** this.#attempts++) * (0.5 + Math.random());
    this.#timer = setTimeout(() => this.#follow(), pause);
  }

  /** @param {AbortController} control */
  async #read(control) {
    let silent = setTimeout(() => control.abort(), SILENCE_MS);
    const query = new URLSearchParams({ kinds: KINDS });
    if (this.#cursor !== null) query.set("after", String(this.#cursor));
    const answer = await fetch(`/api/v1/events?${query}`, {
      headers: { Accept: "text/event-stream", "X-Fragment": "auto" }, // keeps no idle session alive
      credentials: "same-origin", cache: "no-store", signal: control.signal,
    });
    if (answer.status === 401) this.#turn("signed-out");
    if (!answer.ok || !answer.body) return clearTimeout(silent);
    this.#attempts = 0;
    this.#present.clear();
    this.#turn("connected");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(silent);
      silent = setTimeout(() => control.abort(), SILENCE_MS);
      const frames = (rest + part.value).split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) this.#take(frame);
    }
    clearTimeout(silent);
  }

  /** @param {string} frame */
  #take(frame) {
    let kind = "";
    let data = "";
    for (const line of frame.split("\n")) {
      if (line.startsWith("id: ")) this.#cursor = Number(line.slice(4));
      else if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    this.#from ??= this.#cursor;
    if (kind === "reset") {
      this.#events = [];
      this.#from = this.#cursor;
      this.#tell({ reset: true });
    } else if (kind) {
      this.#keep({ seq: null, ...JSON.parse(data) });
    }
  }

  /** @param {Happening} event */
  #keep(event) {
    if (event.seq === null) {
      const name = `${event.kind} ${event.subject}`;
      if (event.data.state === "over") this.#present.delete(name);
      else this.#present.set(name, event);
    } else {
      this.#events.push(event);
      if (this.#events.length > KEPT) this.#from = this.#events.shift()?.seq ?? this.#from;
    }
    this.#tell({ event });
  }

  /** @param {State} state */
  #turn(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell({ state });
  }

  /** @param {Message} message */
  #tell(message) {
    for (const listen of this.#listeners) listen(message);
  }
}
