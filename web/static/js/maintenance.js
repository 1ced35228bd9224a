// Restart and factory reset: ordered, then waited for, with an end to the waiting.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { attempt, collect } from "./settings_form.js";
import { close, inCall, listen } from "./stream.js";

const ASK_EVERY_MS = 1000;
const ASK_LIMIT_MS = 3000;
const BACK_WITHIN_MS = { services: 60000, box: 300000 };

const get = (id) => document.getElementById(id);
const restart = get("restart");
const reset = get("reset");

/** Ask until `is` says yes; whether it did in time. */
async function wait(ask, is, limit) {
  const until = performance.now() + limit;
  while (performance.now() < until) {
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
    const answer = await ask().catch(() => null);
    if (answer && is(answer)) return true;
  }
  return false;
}

async function order(event) {
  event.preventDefault();
  const what = event.submitter.value;
  const words = what === "box" ? _("The box restarts; that takes a minute or two …") : _("The services restart …");
  const done = await attempt(restart, words, async () => {
    await call("POST", "/device/restart", { what });
    const state = () => call("GET", "/device/restart", undefined, ASK_LIMIT_MS);
    return { back: await wait(state, ({ since }) => since !== restart.dataset.since, BACK_WITHIN_MS[what]) };
  });
  if (!done) return;
  if (done.back) restart.dataset.since = (await call("GET", "/device/restart")).since;
  const told = done.back ? _("It is back.") : _("It does not answer yet. Look at the box, then reload this page.");
  setText(restart.querySelector("[role=status]"), told);
}

async function removeAll(event) {
  event.preventDefault();
  const answer = await attempt(reset, _("Checking …"), () => call("POST", "/device/factory-reset", collect(reset)));
  if (!answer) return;
  close(); // nobody is signed in any more: stay here, with what has to be kept
  reset.hidden = restart.hidden = true;
  get("reset-done").hidden = false;
  setText(get("reset-audit"), JSON.stringify({ audit_head: answer.head }));
  get("reset-done-head").focus();
  setText(get("reset-state"), _("Everything is being removed …"));
  const gone = () => fetch("/api/v1/session", { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
  const fresh = await wait(gone, ({ status }) => status === 401, BACK_WITHIN_MS.services);
  setText(get("reset-state"), fresh ? _("Done. Everything is removed.") : _("This page cannot see it any more. Open the box’s page anew."));
}

export function start() {
  restart.addEventListener("submit", order);
  reset?.addEventListener("submit", removeAll);
  listen(() => {
    for (const line of document.querySelectorAll("[data-busy]")) line.hidden = !inCall();
  });
}
