// The steps of a test, in words.

import { _ } from "./format.js";

const NAMES = {
  address: _("Address"),
  tls: _("Encryption"),
  sign_in: _("Sign-in"),
  permissions: _("Permissions"),
  list: _("List of calls"),
  media: _("Sound"),
  settings: _("Settings"),
  discovery: _("Address"),
  offers: _("Abilities"),
  keys: _("Keys"),
  client: _("Client"),
  roles: _("Groups and roles"),
};

function line(step) {
  const item = document.createElement("li");
  item.dataset.passed = step.passed ? "yes" : "no";
  const head = document.createElement("strong");
  const name = NAMES[step.step] ?? step.step;
  head.textContent = step.passed ? `✓ ${_("{name}: passed", { name })}` : `✗ ${_("{name}: failed", { name })}`;
  const words = document.createElement("span");
  words.textContent = step.detail;
  item.append(head, words);
  return item;
}

/** Put *steps* into the list. */
export const showSteps = (list, steps) => list.replaceChildren(...steps.map(line));
