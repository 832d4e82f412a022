// Tells somebody who looks at another window of a call: by a notification of the browser if allowed, otherwise by the
// page's title and a short sound. Screen readers are told in any case.

const RUNG = "pbxd-rung"; // the last call that a tab of this browser made itself heard for
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
  else if (first(id)) beep();
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
    beep(); // phones have them from service workers only
  }
}

/** Whether this tab is the first to make itself heard for a call. @param {string} id */
function first(id) {
  try {
    if (localStorage.getItem(RUNG) === id) return false;
    localStorage.setItem(RUNG, id);
  } catch {
    // Then every tab does.
  }
  return true;
}

/** Two short tones. A page on which nobody has clicked yet stays silent: browsers want that. */
function beep() {
  if (!navigator.userActivation?.hasBeenActive) return;
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
