// Tells somebody who looks at another window of a call: by a notification of the browser if allowed, otherwise by the
// page's title and a short sound. Screen readers are told in any case.

const RUNG = "pbxd-rung"; // the last calls that a tab of this browser made itself heard for
const MOST_RUNG = 50;
const title = document.title;
/** @type {Map<string, string>} what rings now, by call */
const ringing = new Map();
/** @type {Map<string, Notification>} */
const shown = new Map();

/** @param {string} id @param {string} text */
export function alert(id, text) {
  const fresh = !ringing.has(id);
  ringing.set(id, text);
  mark();
  if (!fresh) return;
  const place = document.getElementById("card-said");
  if (place) place.textContent = text;
  if (allowed()) notify(id, text);
  else ring(id);
}

/** Stop telling of a call that no longer rings. @param {string} id */
export function calm(id) {
  if (!ringing.delete(id)) return;
  mark();
  shown.get(id)?.close();
  shown.delete(id);
  const place = document.getElementById("card-said");
  if (place && !ringing.size) place.textContent = "";
}

export const allowed = () => "Notification" in window && Notification.permission === "granted";

function mark() {
  const [text] = ringing.values();
  document.title = text ? `☎ ${text}` : title;
}

/** Every tab shows it; with one tag they are one. @param {string} id @param {string} text */
function notify(id, text) {
  try {
    const made = new Notification(text, { tag: id });
    made.onclick = () => {
      window.focus();
      made.close();
    };
    shown.set(id, made);
  } catch {
    ring(id); // phones have them from service workers only
  }
}

/**
 * Whether this tab is the first to make itself heard for a call. Tabs are processes of their own: of those that ask at
 * once only a transaction tells one from the others, and `navigator.locks` is missing without HTTPS.
 * @param {string} id @returns {Promise<boolean>}
 */
function first(id) {
  return new Promise((resolve) => {
    const opening = indexedDB.open(RUNG, 1);
    opening.onerror = () => resolve(true); // a browser that keeps nothing: then every tab does
    opening.onupgradeneeded = () => opening.result.createObjectStore("calls");
    opening.onsuccess = () => {
      const calls = opening.result.transaction("calls", "readwrite").objectStore("calls");
      const reading = calls.get("last");
      reading.onsuccess = () => {
        const last = reading.result ?? [];
        if (!last.includes(id)) calls.put([...last, id].slice(-MOST_RUNG), "last");
        resolve(!last.includes(id));
      };
      calls.transaction.oncomplete = () => opening.result.close();
    };
  });
}

/**
 * Ring in one tab only. Browsers allow no sound in a tab without a click, so such a tab leaves ringing to another.
 * @param {string} id
 */
async function ring(id) {
  if (navigator.userActivation?.hasBeenActive && (await first(id)) && ringing.has(id)) beep();
}

/** Two short tones. */
function beep() {
  const context = new AudioContext();
  const volume = context.createGain();
  volume.gain.value = 0.08;
  volume.connect(context.destination);
  for (const [begin, pitch] of [[0, 660], [0.18, 880]]) {
    const tone = context.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(volume);
    tone.start(context.currentTime + begin);
    tone.stop(context.currentTime + begin + 0.15);
  }
  window.setTimeout(() => context.close(), 600);
}

const button = document.getElementById("notify");
if (button instanceof HTMLButtonElement) {
  const said = document.getElementById("notify-said");
  const tell = () => {
    const state = "Notification" in window && window.isSecureContext ? Notification.permission : "absent";
    if (said) said.textContent = said.getAttribute(`data-${state}`) ?? "";
    button.hidden = state !== "default";
  };
  tell();
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    tell();
  });
}
