// The log server: what is chosen is tried out with a line, saved and used.

import { call } from "./api.js";
import { _ } from "./format.js";
import { attempt, collect, showWhen } from "./settings_form.js";

const form = document.getElementById("logs");
const say = (text) => (form.querySelector("[role=status]").textContent = text);

async function test() {
  const told = await attempt(form, _("Sending a line …"), () => call("POST", "/logs/test", collect(form)));
  if (!told) return;
  const { line, acknowledged } = told;
  say(acknowledged
    ? _("The server took it. Look for “Bargebox test line {line}” there.", { line })
    : _("Sent. UDP does not tell whether it arrives: look for “Bargebox test line {line}” there.", { line }));
}

async function save(event) {
  event.preventDefault();
  const done = await attempt(form, _("Saving …"), () => call("PUT", "/logs", collect(form)));
  if (done) say(done.settings.transport === "off" ? _("Saved. Nothing is sent.") : _("Saved. It is used from now on."));
}

export function start() {
  showWhen(form);
  form.addEventListener("submit", save);
  document.getElementById("logs-test").addEventListener("click", test);
}
