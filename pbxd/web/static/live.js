// Live events. Dispatched on `document`:
//
// `pbxd:event`      detail: {seq, kind, subject, data, at}; states (`extension.state`, `live.call`) have no seq
// `pbxd:reset`      events were lost: read again what the page shows
// `pbxd:connected`  the stream is connected, for the first time or again; the present states follow
//
// Dispatch `pbxd:signed-in` on `document` after somebody signed in without leaving the page.
import { scriptURL } from "./fragments.js";
import { Hub } from "./live-hub.js";

const CALM_MS = 5000; // a shorter time without connection is nobody's concern

let last = Number.parseInt(document.body.dataset.seq ?? "", 10);
/** @type {(what: Record<string, any>) => void} */
let tell = () => {};
/** @type {import("./live-hub.js").State} */
let state = "off";
/** @type {number | undefined} */
let calm;

/** Tell whether the stream is connected. */
export const connected = () => state === "connected";

/** @param {import("./live-hub.js").Message} message */
function hear(message) {
  if ("state" in message) turn(message.state);
  else if ("reset" in message) dispatch("pbxd:reset");
  else {
    if (message.event.seq !== null) last = message.event.seq;
    dispatch("pbxd:event", message.event);
  }
}

/** @param {string} name @param {unknown} [detail] */
function dispatch(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

/** @param {import("./live-hub.js").State} next */
function turn(next) {
  const before = state;
  state = next;
  if (next === "connected" || next === "signed-out") {
    clearTimeout(calm);
    calm = undefined;
    announce("");
  } else {
    calm ??= window.setTimeout(() => announce(document.body.dataset.away ?? ""), CALM_MS);
  }
  if (next === "connected" && before !== next) dispatch("pbxd:connected");
}

/** @param {string} text */
function announce(text) {
  const place = document.getElementById("connection");
  if (place && place.textContent !== text) place.textContent = text;
}

function start() {
  const join = () => tell({ join: true, seq: Number.isNaN(last) ? null : last });
  try {
    shared();
  } catch {
    alone();
  }
  join();
  window.addEventListener("pagehide", () => tell({ leave: true }));
  window.addEventListener("pageshow", (event) => event.persisted && join());
  window.addEventListener("online", () => tell({ wake: true }));
  window.addEventListener("offline", () => tell({ doubt: true }));
  document.addEventListener("pbxd:signed-in", () => tell({ wake: true }));
  document.addEventListener("visibilitychange", () => document.hidden || connected() || tell({ wake: true }));
}

/** Share one stream with the other tabs of this user. */
function shared() {
  const url = scriptURL(new URL("./live-worker.js", import.meta.url).href);
  const worker = new SharedWorker(url, { type: "module", name: `pbxd-${document.body.dataset.user}` });
  worker.port.onmessage = ({ data }) => hear(data);
  worker.onerror = () => {
    alone();
    tell({ join: true, seq: Number.isNaN(last) ? null : last });
  };
  tell = (what) => worker.port.postMessage(what);
}

/** A browser without shared workers: a stream for this tab. */
function alone() {
  const hub = new Hub();
  tell = (what) => {
    if (what.join) hub.join(hear, what.seq);
    else if (what.leave) hub.leave(hear);
    else if (what.doubt) hub.doubt();
    else hub.wake();
  };
}

if (document.body.dataset.user) start();
