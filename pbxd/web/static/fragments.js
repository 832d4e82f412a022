// Parts of pages, fetched from the same addresses as the pages themselves.

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("pbxd", { createHTML: (text) => text, createScriptURL: (url) => url })
  : { createHTML: (/** @type {string} */ text) => text, createScriptURL: (/** @type {string} */ url) => url };

/** An address of a script of ours, as the page's policy wants it. @param {string} url @returns {any} */
export const scriptURL = (url) => policy.createScriptURL(url);

/** The elements that a part of a page consists of. @param {string} html */
export function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = /** @type {any} */ (policy.createHTML(html));
  return template.content;
}

/**
 * Ask for a part of a page, or send a form.
 * @param {string} url @param {RequestInit} [options]
 */
export function ask(url, options = {}) {
  return fetch(url, { ...options, headers: { ...options.headers, "X-Fragment": "1" }, credentials: "same-origin" });
}

/**
 * Ask for a part of a page because something happened, not because somebody did something: that keeps no idle session
 * alive.
 * @param {string} url
 */
export function askAgain(url) {
  return fetch(url, { headers: { "X-Fragment": "auto" }, credentials: "same-origin" });
}

/** The fields of a form as the server reads them. @param {HTMLFormElement} form @param {HTMLElement | null} [button] */
export function fieldsOf(form, button) {
  return new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
}

/**
 * Find the control of a part that is, for people, the same as another one: of its kind, with its name.
 * @param {ParentNode} part @param {Element} control @returns {HTMLElement | null}
 */
export function twin(part, control) {
  const name = nameOf(control);
  const found = [...part.querySelectorAll(control.localName)].find((each) => nameOf(each) === name);
  return found instanceof HTMLElement ? found : null;
}

/** @param {Element} control */
function nameOf(control) {
  return [control.getAttribute("aria-label") ?? control.textContent?.trim(), control.getAttribute("name")].join("|");
}

/**
 * Replace an element's content with a part of a page. What was typed into the old content is lost. The control that has
 * the focus gives it to the same control of the new content. If that is a button and is gone, the whole element gets the
 * focus: another button would do something else.
 * @param {HTMLElement} target @param {string} html
 */
export function put(target, html) {
  const focused = document.activeElement;
  const within = focused instanceof HTMLElement && target.contains(focused) ? focused : null;
  target.replaceChildren(parsed(html));
  if (!within) return;
  const again = (within.id && document.getElementById(within.id)) || twin(target, within);
  if (again || within.localName !== "button") return (again ?? target.querySelector(within.localName))?.focus();
  target.tabIndex = -1;
  target.focus();
}

/** What an answer that isn't good complains of, for people. @param {Response | null} answer */
export async function complaint(answer) {
  const page = answer ? parsed(await answer.text()) : null;
  return page?.querySelector("[role=alert]")?.textContent?.trim() || document.body.dataset.offline || "";
}

/** Say something for everybody to see and hear. @param {string} text */
export function say(text) {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = text;
  setTimeout(() => {
    if (place.textContent === text) place.textContent = "";
  }, 4000);
}
