// What somebody typed into a form and did not save is kept when its page is left, and is back when the form is opened
// again in this tab. The server fills the form with it (`_resumed`), as it does after a session had ended.
import { ask, fieldsOf, parsed, say } from "./fragments.js";

const MOST = 20; // forms
const store = `pbxd-drafts-${document.body.dataset.user}`;
const LEFT = "pbxd-draft-left"; // the page before left something typed

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
  if (part.dataset.sent) return true;
  return [...part.querySelectorAll("input, textarea, option")].some((each) => {
    if (each.closest(".cards")) return false;
    if (each instanceof HTMLOptionElement) return each.selected !== each.defaultSelected && each.index > 0;
    if (each instanceof HTMLTextAreaElement) return each.value !== each.defaultValue;
    if (!(each instanceof HTMLInputElement)) return false;
    return each.value !== each.defaultValue || each.checked !== each.defaultChecked;
  });
}

/**
 * Keep what is typed into the form of a page or dialog.
 * @param {string} url where the form is opened @param {HTMLElement} part
 */
export function keepDraft(url, part) {
  const form = formOf(part);
  if (loggedOut || !(form instanceof HTMLFormElement) || form.dataset.left !== undefined) return;
  if (!part.dataset.sent && !isTyped(form)) return;
  const { [pathOf(url)]: _before, ...others } = kept();
  const fields = /** @type {[string, string][]} */ ([...fieldsOf(form)]);
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
 * @param {string} url @returns {Promise<string | null>}
 */
export async function takeDraft(url) {
  const { [pathOf(url)]: draft, ...others } = kept();
  if (!draft) return null;
  const body = new URLSearchParams([...draft.fields, ["_resumed", "1"]]);
  const answer = await ask(draft.action, { method: "POST", body }).catch(() => null);
  if (!answer || answer.status === 401 || answer.status >= 500) return null; // later
  const html = await answer.text();
  const isThere = formOf(parsed(html)) !== null;
  if (isThere || answer.status === 404 || answer.status === 410) keep(others); // else it may come back later
  return isThere ? html : null;
}

/** Say above a form that it has what was typed before. @param {ParentNode} part */
export function tellOfDraft(part) {
  const said = document.createElement("p");
  said.className = "hint";
  said.setAttribute("role", "status");
  said.textContent = document.body.dataset.draft ?? "";
  formOf(part)?.before(said);
}

/** Put what was typed into the page's own form; or say that what was typed on the page before is kept. */
async function restore() {
  const left = mark(false);
  const main = document.getElementById("main");
  const form = main && formOf(main);
  const html = form ? await takeDraft(window.location.href) : null;
  const again = html === null ? null : formOf(parsed(html));
  if (!main || !form || !again) return left && say(document.body.dataset.kept ?? "");
  form.replaceWith(again);
  tellOfDraft(main);
}

// Saved, or given up: nothing is left to keep. What the server refuses comes back in its answer.
window.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!(target instanceof HTMLFormElement) || defaultPrevented) return; // a script sends it, perhaps later
  const main = document.getElementById("main");
  const form = main?.contains(target) ? formOf(main) : null;
  if (form instanceof HTMLFormElement && (target === form || target.id === "cancel")) form.dataset.left = "";
  if (pathOf(target.action) !== "/sign-out") return;
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
