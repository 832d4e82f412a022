// What somebody typed into a form and did not save is kept when its page is left, and is back when the form is opened
// again in this tab. The server fills the form with it (`_resumed`), as it does after a session had ended.
import { ask, fieldsOf, parsed, say, twin } from "./fragments.js";

const MOST = 20; // forms
const store = `pbxd-drafts-${document.body.dataset.user}`;
const LEFT = "pbxd-draft-left"; // the page before left something typed
const LOG_OUTS = ["/sign-out", "/me/sessions/end"]; // of this browser, of all

let loggedOut = false;

/** @typedef {{action: string, fields: [string, string][]}} Draft */

/** @returns {Record<string, Draft>} by the address of the form's page, the oldest first */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(store) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Record<string, Draft>} drafts */
function keep(drafts) {
  try {
    sessionStorage.setItem(store, JSON.stringify(Object.fromEntries(Object.entries(drafts).slice(-MOST))));
  } catch {
    // A browser that keeps nothing.
  }
}

/** @param {string} url */
function pathOf(url) {
  const { pathname, search } = new URL(url, window.location.href);
  return pathname + search;
}

/** The form of a page or dialog that comes back with what was typed. @param {ParentNode} part */
const formOf = (part) => part.querySelector("form[data-draft]");

/**
 * Whether somebody typed or chose something that is not saved; `data-sent`: the server has filled the form with it.
 * @param {HTMLElement} part a dialog, or a form
 */
export function isTyped(part) {
  return Boolean(part.dataset.sent) || changed(part).length > 0;
}

/** The fields, or their options, that are not as the server sent them. @param {HTMLElement} part */
function changed(part) {
  return [...part.querySelectorAll("input, textarea, option")].filter((each) => {
    if (each.closest(".cards")) return false;
    if (each instanceof HTMLOptionElement) return each.selected !== each.defaultSelected && each.index > 0;
    if (each instanceof HTMLTextAreaElement) return each.value !== each.defaultValue;
    if (!(each instanceof HTMLInputElement)) return false;
    return each.value !== each.defaultValue || each.checked !== each.defaultChecked;
  });
}

/**
 * Keep what is typed into the form of a page or dialog. A draft that was not given back to the form is completed with it.
 * @param {string} url where the form is opened @param {HTMLElement} part
 */
export function keepDraft(url, part) {
  const form = formOf(part);
  if (loggedOut || !(form instanceof HTMLFormElement) || form.dataset.left !== undefined) return;
  const isSent = part.dataset.sent || form.dataset.sent;
  if (!isSent && !isTyped(form)) return;
  const { [pathOf(url)]: waiting, ...others } = kept();
  let fields = /** @type {[string, string][]} */ ([...fieldsOf(form)]);
  if (waiting && !isSent) {
    const names = new Set(changed(form).map((each) => (each.closest("select") ?? each).getAttribute("name")));
    fields = [...new Map([...waiting.fields, ...fields.filter(([name]) => names.has(name))])];
  }
  keep({ ...others, [pathOf(url)]: { action: form.action, fields } });
  mark(true);
}

/** Note that something typed is left, or look whether the page before noted it. @param {boolean} leaving */
function mark(leaving) {
  try {
    if (leaving) return sessionStorage.setItem(LEFT, "1");
    const left = sessionStorage.getItem(LEFT) !== null;
    sessionStorage.removeItem(LEFT);
    return left;
  } catch {
    return false;
  }
}

/**
 * Take what was typed into the form of an address; return its part of the page with that, or null if there is none.
 * @param {string} url @param {() => boolean} [isLate] whether the answer is no longer wanted: the draft stays
 * @returns {Promise<string | null>}
 */
export async function takeDraft(url, isLate = () => false) {
  const { [pathOf(url)]: draft, ...others } = kept();
  if (!draft) return null;
  const body = new URLSearchParams([...draft.fields, ["_resumed", "1"]]);
  const answer = await ask(draft.action, { method: "POST", body }).catch(() => null);
  if (!answer || answer.status === 401 || answer.status >= 500) return null; // later
  const html = await answer.text();
  if (isLate()) return null;
  const isThere = formOf(parsed(html)) !== null;
  if (isThere || answer.status === 404 || answer.status === 410) keep(others); // else it may come back later
  return isThere ? html : null;
}

/** Say above a form that it has what was typed before, no longer that it can be opened. @param {ParentNode} part */
export function tellOfDraft(part) {
  say("");
  const said = document.createElement("p");
  said.className = "hint";
  said.setAttribute("role", "status");
  said.textContent = document.body.dataset.draft ?? "";
  formOf(part)?.before(said);
}

/** Put what was typed into the page's own form; or say that it, or what was typed on the page before, is kept. */
async function restore() {
  const left = mark(false);
  const main = document.getElementById("main");
  const form = main && formOf(main);
  const isBlank = form instanceof HTMLFormElement && !form.dataset.sent;
  const again = isBlank ? await takeUntouched(form) : null;
  if (!main || !isBlank || !again) {
    if (left || (isBlank && kept()[pathOf(window.location.href)])) say(document.body.dataset.kept ?? "");
    return;
  }
  const focused = document.activeElement;
  const within = focused && form.contains(focused) ? focused : null;
  form.replaceWith(again);
  if (within) (document.getElementById(within.id) ?? twin(again, within))?.focus();
  tellOfDraft(main);
}

/** The page's form with its draft; null if somebody types into the form meanwhile. @param {HTMLFormElement} form */
async function takeUntouched(form) {
  const before = fieldsOf(form).toString();
  const html = await takeDraft(window.location.href, () => fieldsOf(form).toString() !== before);
  return html === null ? null : formOf(parsed(html));
}

// Saved, or given up: nothing is left to keep. What the server refuses comes back in its answer.
window.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!(target instanceof HTMLFormElement) || defaultPrevented) return; // a script sends it, perhaps later
  const main = document.getElementById("main");
  const form = main?.contains(target) ? formOf(main) : null;
  if (form instanceof HTMLFormElement && (target === form || target.id === "cancel")) form.dataset.left = "";
  if (!LOG_OUTS.includes(pathOf(target.action))) return;
  loggedOut = true; // whoever logs out leaves nothing in this browser
  keep({});
});

window.addEventListener("pagehide", () => {
  const main = document.getElementById("main");
  if (main) keepDraft(window.location.href, main);
  for (const dialog of document.querySelectorAll("dialog[open][data-url]")) {
    if (dialog instanceof HTMLElement) keepDraft(dialog.dataset.url ?? "", dialog);
  }
});

restore();
