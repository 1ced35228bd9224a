// A call that one watches for has begun: a notice with a button to join. It takes no focus, and
// comes only when the pointer is not where it will be.

import { _, agentNames, setText } from "./format.js";
import { ask, join } from "./join.js";
import { notify } from "./notice.js";
import { box, listen } from "./stream.js";

const MOST = 5;
const RETRY_MS = 300;
const MARGIN = 8;

const notice = document.getElementById("alert");
const words = document.getElementById("alert-words");
let calls = []; // those not yet dismissed, the newest last
let pointer = null;
let timer = 0;

function isUnderPointer() {
  if (!pointer || !matchMedia("(hover: hover)").matches) return false;
  const place = notice.getBoundingClientRect();
  const [x, y] = pointer;
  return x > place.left - MARGIN && x < place.right + MARGIN && y > place.top - MARGIN && y < place.bottom + MARGIN;
}

/** Make room for it, unseen, and show it when the pointer has gone from there. */
function appear() {
  notice.hidden = !calls.length;
  if (notice.hidden || notice.style.visibility === "visible") return;
  clearTimeout(timer);
  if (isUnderPointer()) timer = setTimeout(appear, RETRY_MS);
  else {
    notice.style.visibility = "visible";
    tell();
    // What has the focus may lie beneath; the page keeps room for it below.
    setTimeout(() => document.activeElement?.scrollIntoView({ block: "nearest" }), 100);
  }
}

function sentence() {
  const latest = calls.at(-1);
  if (!latest) return "";
  const more = calls.length > 1 ? ` ${_("(and {count} more)", { count: calls.length - 1 })}` : "";
  const queue = latest.queue ? `, ${latest.queue}` : "";
  const parties = { agents: agentNames(latest), customer: latest.customer };
  return _("Call you watch for: {agents} with {customer}", parties) + queue + more;
}

const tell = () => setText(words, sentence());

function show() {
  if (!calls.length) notice.style.visibility = "hidden";
  appear();
  if (notice.style.visibility === "visible") tell();
}

function drop(id) {
  const rest = calls.filter((one) => one.id !== id);
  if (rest.length === calls.length) return;
  calls = rest;
  show();
}

function heard(name, data) {
  if (name === "watch") {
    calls = [...calls.filter((one) => one.id !== data.interaction.id), data.interaction].slice(-MOST);
    show();
    // For whatever else draws attention: the tab's title, a notification of the desktop.
    document.dispatchEvent(new CustomEvent("attention", { detail: sentence() }));
  } else if (name === "interaction" && data.state === "ended") drop(data.id);
  else if (name === "monitoring" || name === "snapshot") drop(box.monitoring?.interaction?.id);
}

async function monitor() {
  const { id } = calls.at(-1);
  const given = await ask(words.textContent);
  if (!given) return;
  try {
    await join(id, given);
  } catch (error) {
    notify(error.message, "bad");
    if (["call_ended", "not_found"].includes(error.code)) drop(id);
  }
}

export function start() {
  if (!notice) return;
  notice.style.visibility = "hidden";
  addEventListener("pointermove", ({ clientX, clientY }) => (pointer = [clientX, clientY]), { passive: true });
  document.getElementById("alert-monitor").addEventListener("click", monitor);
  document.getElementById("alert-dismiss").addEventListener("click", () => drop(calls.at(-1)?.id));
  listen(heard);
}
