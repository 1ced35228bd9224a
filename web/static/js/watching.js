// What one watches: the bells in the list's rows, and the menu that lists it all.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { notify } from "./notice.js";
import { listen } from "./stream.js";
import { whenUsable } from "./usable.js";

const AGAIN_MS = 5000;
const KINDS = { agent: _("Agents"), queue: _("Queues") };

const menu = document.getElementById("watching");
const summary = menu?.querySelector("summary");
const listed = document.getElementById("watching-list");
const choice = document.getElementById("watching-choice");
let watched = null; // until the box has said
let offered = [];
let asking = false;
let again = 0; // one, however often it failed

const key = ({ kind, target }) => `${kind} ${target}`;
const make = (tag, ...properties) => Object.assign(document.createElement(tag), ...properties);

/** Beside the name of whoever can be watched: made late, for a list has many and none is needed to begin. */
function bellOf(named) {
  const bell = named.nextElementSibling ?? make("input", { type: "checkbox", className: "bell", tabIndex: -1 });
  const { target, name } = named.dataset;
  const label = _("Watch {name}", { name });
  if (bell.title !== label) {
    bell.title = label;
    bell.setAttribute("aria-label", label);
  }
  bell.hidden = !target;
  if (!bell.isConnected) named.after(bell);
  return bell;
}

/** The bells follow what is watched. */
function mark() {
  if (!watched) return;
  for (const named of document.querySelectorAll("#list [data-kind]")) bellOf(named).checked = watched.has(key(named.dataset));
}

function item(one) {
  const line = make("li");
  const button = make("button", { type: "button", className: "icon-button" });
  button.setAttribute("aria-label", _("Stop watching {name}", one));
  button.append(document.getElementById("watching-remove").content.cloneNode(true));
  button.addEventListener("click", () => remove(one));
  line.append(make("span", { textContent: one.name }), make("small", { textContent: one.kind === "agent" ? _("Agent") : _("Queue") }), button);
  return line;
}

function show(answer) {
  watched = new Set(answer.items.map(key));
  offered = answer.offered;
  setText(document.getElementById("watching-count"), String(answer.items.length));
  listed.replaceChildren(...answer.items.map(item));
  const before = choice.value;
  choice.replaceChildren(...Object.entries(KINDS).map(([kind, label]) => {
    const group = make("optgroup", { label });
    for (const one of offered) if (one.kind === kind) group.append(make("option", { value: key(one), textContent: one.name }));
    return group;
  }));
  if (offered.some((one) => key(one) === before)) choice.value = before;
  mark();
}

async function ask(method, { kind, target, name } = {}) {
  const path = kind ? `/${kind}/${encodeURIComponent(target)}` : "";
  try {
    show(await call(method, `/watches${path}`, name && method === "PUT" ? { name } : undefined));
  } catch (error) {
    if (kind) notify(error.message, "bad");
    else {
      // The stream's own watch tells that the box is away.
      clearTimeout(again);
      again = setTimeout(askSoon, AGAIN_MS);
    }
    mark();
  }
}

/** When the page can be used; once, however often it is wished for meanwhile. */
function askSoon() {
  if (asking) return;
  asking = true;
  whenUsable(() => {
    asking = false;
    ask("GET");
  });
}

async function remove(one) {
  await ask("DELETE", one);
  (listed.querySelector("button") ?? choice).focus(); // the button that was pressed is gone
}

/** A call was transferred: its row's bells are those of others now. */
function changed(interaction) {
  const row = document.querySelector(`#list tr[data-id="${CSS.escape(interaction.id)}"]`);
  if (!row || !interaction.agents) return;
  const [agent] = interaction.agents;
  for (const [kind, target, name] of [["agent", agent?.id, agent?.name], ["queue", interaction.queue, interaction.queue]]) {
    Object.assign(row.querySelector(`[data-kind="${kind}"]`).dataset, { target: target ?? "", name: name ?? "" });
  }
  mark();
}

export function start() {
  if (!menu) return;
  const main = document.getElementById("main");
  main.addEventListener("change", ({ target }) => {
    if (target.matches(".bell")) ask(target.checked ? "PUT" : "DELETE", target.previousElementSibling.dataset);
  });
  document.getElementById("watching-add").addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = offered.find((one) => key(one) === choice.value);
    if (chosen) ask("PUT", chosen);
  });
  menu.addEventListener("toggle", () => menu.open && ask("GET"));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    summary.focus();
  });
  document.addEventListener("click", ({ target }) => {
    if (target.isConnected && !menu.contains(target)) menu.open = false;
  });
  new MutationObserver(mark).observe(main, { childList: true }); // the list was drawn anew
  listen((name, data) => name === "interaction" && changed(data));
  listen((name, known) => name === "known" && known && askSoon());
}
