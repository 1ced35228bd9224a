// Keyboard shortcuts; they can be switched off (WCAG 2.1.4) and do nothing while somebody types.

import { _ } from "./format.js";
import { notify } from "./notice.js";
import { box } from "./stream.js";
import { nextCall } from "./toolbar.js";

const OFF = "bargebox-keys-off";
const get = (id) => document.getElementById(id);
const dialog = get("keys");
const search = document.querySelector("#filters [type=search]");

const on = () => !localStorage.getItem(OFF);

/** Press a button of the toolbar, or say why there is nothing to press. */
function press(id) {
  const button = get(id);
  if (get("toolbar").hidden) notify(_("No call is being monitored."));
  else if (button.disabled) notify(get("tool-why").textContent || _("Not possible now."));
  else button.click();
}

/** To the next row of the list, or the one before. */
function step(by) {
  const rows = [...document.querySelectorAll("#list tbody tr")];
  const here = rows.indexOf(document.activeElement.closest("tr"));
  const row = rows[here < 0 ? 0 : here + by];
  if (!row) return;
  row.tabIndex = -1;
  row.focus();
}

function monitor() {
  const row = document.activeElement;
  if (!row.matches("#list tbody tr")) return false;
  const button = row.querySelector("[data-monitor]");
  if (button.disabled) notify(button.title);
  else button.click();
  return true;
}

const KEYS = {
  "?": () => dialog.showModal(),
  "/": () => (search ? search.focus() : location.assign("/interactions")),
  m: () => press("tool-microphone"),
  H: () => press("tool-leave"),
  n: () => (box.monitoring?.state === "idle" ? nextCall() : press("tool-next")),
  j: () => step(1),
  k: () => step(-1),
  Enter: monitor,
};

function pressed(event) {
  const { key, target } = event;
  const typing = target.matches("input, select, textarea, [contenteditable]");
  const taken = event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey;
  if (typing || taken || !on() || !Object.hasOwn(KEYS, key) || document.querySelector("dialog[open]")) return;
  if (event.repeat && !"jk".includes(key)) return;
  if (KEYS[key]() !== false) event.preventDefault();
}

/** Tell assistive technology of them, while they are on. */
function announce() {
  const shown = [[search, "/"], [get("tool-microphone"), "M"], [get("tool-leave"), "Shift+H"], [get("tool-next"), "N"]];
  for (const [element, keys] of shown) {
    if (on()) element?.setAttribute("aria-keyshortcuts", keys);
    else element?.removeAttribute("aria-keyshortcuts");
  }
}

export function start() {
  if (!dialog) return;
  const choice = get("keys-on");
  choice.checked = on();
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    announce();
  });
  get("keys-open").addEventListener("click", ({ target }) => {
    const menu = target.closest("details");
    menu.open = false;
    menu.querySelector("summary").focus(); // where the dialog gives the focus back
    dialog.showModal();
  });
  document.addEventListener("keydown", pressed);
  announce();
}
