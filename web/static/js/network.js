// The network: a change counts down until it is kept, here or at the box's new address.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { again, attempt, collect, showWhen } from "./settings_form.js";
import { inCall, listen } from "./stream.js";

const LOOK_EVERY_MS = 1000;
const LOOK_LIMIT_MS = 3000;

const get = (id) => document.getElementById(id);
const pending = get("network-pending");
const form = get("network-form");

let looking = 0; // the timer of the change that waits
let until = 0; // when it is undone, in the browser's time

/** The page at another address of the box, by the same way as here. */
function linkTo(host) {
  const link = document.createElement("a");
  const port = location.port && `:${location.port}`;
  link.href = `${location.protocol}//${host.includes(":") ? `[${host}]` : host}${port}${location.pathname}`;
  link.textContent = link.href;
  const item = document.createElement("li");
  item.append(link);
  return item;
}

async function look() {
  setText(get("pending-left"), `${Math.max(0, Math.round((until - performance.now()) / 1000))} s`);
  const view = await call("GET", "/network", undefined, LOOK_LIMIT_MS).catch(() => null);
  if (!looking) return;
  setText(get("pending-lost"), view ? "" : _("The box does not answer here any more."));
  if (view && !view.pending) ended();
  else looking = setTimeout(look, LOOK_EVERY_MS);
}

function show({ seconds_left: left, addresses }) {
  until = performance.now() + left * 1000;
  get("pending-addresses").replaceChildren(...addresses.filter((host) => !host.startsWith("127.")).map(linkTo));
  pending.hidden = false;
  get("network-outcome").hidden = true;
  looking ||= setTimeout(look, 0);
}

/** The page as it is now: what waited has been kept or undone. */
function ended() {
  clearTimeout(looking);
  looking = 0;
  again(form ? { device: form.dataset.device } : {});
}

const decide = (method, path, words) => async () => {
  if (await attempt(pending, words, () => call(method, path))) ended();
};

async function change(event) {
  event.preventDefault();
  const path = `/network/${form.dataset.device}`;
  const view = await attempt(form, _("The box checks the settings …"), () => call("PUT", path, collect(form)));
  if (!view) return;
  if (!view.pending) return ended();
  show(view.pending);
  get("pending-head").focus();
}

export function start() {
  if (!pending) return;
  get("pending-keep").addEventListener("click", decide("POST", "/network/confirm", _("Keeping it …")));
  get("pending-undo").addEventListener("click", decide("DELETE", "/network/pending", _("Going back …")));
  if (pending.dataset.pending) show(JSON.parse(pending.dataset.pending));
  if (!form) return;
  showWhen(form);
  form.addEventListener("submit", change);
  listen(() => {
    get("network-busy").hidden = !inCall();
  });
}
