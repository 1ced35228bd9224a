// The list: rows are patched in place; it is put in order anew only when nobody points at it.

import { call } from "./api.js";
import { agentNames, elapsed, presence, refusal, setText } from "./format.js";
import { ask as askBefore, join } from "./join.js";
import { notify } from "./notice.js";
import { box, listen, now } from "./stream.js";

const REFRESH_MS = 900;
const LAZY_MS = 5000;
const EARLY_MS = 5000;

const form = document.getElementById("filters");
const changes = new Set(); // ids of interactions that came or went since the list was drawn
let due = Infinity; // when the list is to be drawn anew
let drawn = performance.now();

const list = () => document.getElementById("list");
const rowOf = (id) => list().querySelector(`tr[data-id="${CSS.escape(id)}"]`);
const field = (row, name) => row.querySelector(`[data-field="${name}"]`);

function refreshBy(milliseconds) {
  due = Math.min(due, performance.now() + milliseconds);
}

/** The pointer, the keyboard or a selection is in the list: it must not move. */
function held() {
  const element = list();
  const selection = getSelection();
  return (
    (matchMedia("(hover: hover)").matches && element.matches(":hover")) ||
    element.matches(":focus-visible") ||
    element.querySelector(":focus-visible") !== null ||
    (!selection.isCollapsed && element.contains(selection.anchorNode))
  );
}

/** What the list would be now: rows still there are patched where they are, the rest is counted. */
async function peek() {
  due = Infinity;
  drawn = performance.now();
  const query = new URLSearchParams(new FormData(form));
  let answer;
  try {
    answer = await call("GET", `/interactions?${query}`);
  } catch {
    return; // the stream's own watch tells that the box is away
  }
  changes.clear();
  const gone = new Set([...list().querySelectorAll("tbody tr")].map((row) => row.dataset.id));
  for (const interaction of answer.items) {
    const row = rowOf(interaction.id);
    if (row) patch(row, interaction);
    else changes.add(interaction.id);
    gone.delete(interaction.id);
  }
  for (const id of gone) changes.add(id);
}

function draw() {
  due = Infinity;
  form.dispatchEvent(new Event("refresh"));
}

function tick() {
  const button = document.getElementById("update");
  const holding = held();
  if (due <= performance.now() && performance.now() - drawn > REFRESH_MS && !document.hidden) {
    if (holding) peek();
    else draw();
    return;
  }
  const count = changes.size;
  button.hidden = !(holding && count);
  setText(button, `${count} ${count === 1 ? "change" : "changes"} – update list`);
}

function tickTimes() {
  for (const time of list().querySelectorAll("tr:not([data-state='ended']) [data-field='elapsed']")) {
    setText(time, elapsed(now() - Date.parse(time.dateTime)));
  }
}

function showMonitors(row, monitors) {
  const heard = monitors.findLast((monitor) => monitor.sound)?.sound.words.split(" · ") ?? [];
  const sound = field(row, "sound");
  sound.hidden = !heard.length;
  sound.replaceChildren(...heard.flatMap((words) => [Object.assign(document.createElement("span"), { textContent: words }), " "]));
  const groups = [
    [".now", "Monitoring now: ", monitors.filter((monitor) => !monitor.ended_at)],
    [".before", "Monitored before: ", monitors.filter((monitor) => monitor.ended_at)],
  ];
  for (const [selector, title, found] of groups) {
    const mark = row.querySelector(selector);
    mark.hidden = !found.length;
    mark.title = title + [...new Set(found.map((monitor) => monitor.supervisor))].join(", ");
    setText(mark.querySelector("[data-count]"), String(found.length));
  }
}

/** Whether the row can be monitored now: its own reason, and the session that may be running. */
function showAction(row) {
  const session = box.monitoring?.state && box.monitoring.state !== "idle" ? box.monitoring : null;
  const current = session?.interaction?.id === row.dataset.id;
  let reason = row.dataset.reason;
  if (session || reason === "busy") reason = session ? "busy" : "";
  if (row.dataset.state === "ended") reason ||= "call_ended";
  const button = row.querySelector("[data-monitor]");
  const why = field(row, "why");
  const text = current ? "Being monitored" : refusal(reason);
  if (current) row.setAttribute("aria-current", "true");
  else row.removeAttribute("aria-current");
  button.disabled = Boolean(reason);
  why.hidden = !reason;
  setText(why, reason ? text : "");
  if (reason) {
    button.setAttribute("aria-describedby", why.id);
    button.title = text;
  } else {
    button.removeAttribute("aria-describedby");
    button.removeAttribute("title");
  }
}

function patch(row, interaction) {
  row.dataset.state = interaction.state;
  row.dataset.reason = interaction.not_monitorable_reason ?? "";
  const state = field(row, "state");
  state.dataset.state = interaction.state;
  setText(state, presence(interaction.state));
  if (interaction.state === "ended") setText(field(row, "elapsed"), "–");
  if (interaction.agents) patchParties(row, interaction); // one that ended tells no more of itself
  showAction(row);
}

function patchParties(row, interaction) {
  const names = agentNames(interaction);
  setText(field(row, "agents"), names || "–");
  for (const name of ["customer", "queue", "flow", "contact_point"]) {
    setText(field(row, name), interaction[name]);
  }
  row.querySelector("[data-monitor]").setAttribute("aria-label", `Monitor ${names} with ${interaction.customer}`);
  showMonitors(row, interaction.monitors);
}

function changed(interaction) {
  const row = rowOf(interaction.id);
  if (row) {
    const was = row.dataset.state;
    patch(row, interaction);
    if (interaction.state === "ended" && was !== "ended") {
      changes.add(interaction.id);
      refreshBy(0);
    } else {
      refreshBy(LAZY_MS); // it may belong elsewhere in the order now
    }
  } else if (interaction.state === "ended") {
    changes.delete(interaction.id); // it came and went unseen
  } else if (Date.parse(interaction.started_at) > Date.parse(list().dataset.asOf)) {
    changes.add(interaction.id);
    refreshBy(0);
  } else {
    refreshBy(LAZY_MS);
  }
}

async function monitor(button) {
  const row = button.closest("tr");
  const given = await askBefore(button.getAttribute("aria-label"));
  if (!given) {
    // The list may have been drawn anew behind the question.
    if (!button.isConnected) (rowOf(row.dataset.id)?.querySelector("[data-monitor]") ?? list()).focus();
    return;
  }
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  setText(button, "Joining…");
  try {
    await join(row.dataset.id, given);
  } catch (error) {
    notify(error.message, "bad");
  } finally {
    button.removeAttribute("aria-busy");
    setText(button, "Monitor");
    showAction(row);
  }
}

function ask(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  if (!("page" in values)) form.elements.page.value = 1;
  draw();
}

function choose(tab, { focus }) {
  for (const other of form.querySelectorAll("[role=tab]")) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  if (focus) tab.focus();
  ask({ show: tab.dataset.show });
}

function tabKey(event) {
  const tabs = [...form.querySelectorAll("[role=tab]")];
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const here = tabs.indexOf(event.target);
  if (here < 0 || !(event.key in steps)) return;
  event.preventDefault();
  choose(tabs[(here + steps[event.key] + tabs.length) % tabs.length], { focus: true });
}

function clicked(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const { show, sort, page } = button.dataset;
  if ("monitor" in button.dataset) monitor(button);
  else if (show) choose(button, { focus: false });
  else if (sort) ask({ sort });
  else if (page) ask({ page });
  else if (button.id === "update") {
    draw();
    if (event.detail === 0) list().focus(); // by keyboard: the button is about to go
    else button.blur();
  } else if (button.id === "clear") {
    ask({ search: "", monitored: "all", agent: "", queue: "", flow: "", direction: "" });
  }
}

function heard(name, data) {
  if (name === "interaction") changed(data);
  else if (name === "snapshot") {
    refreshBy(0);
    showAll();
  } else if (name === "monitoring") {
    showAll();
    refreshBy(0);
  }
}

function showAll() {
  for (const row of list().querySelectorAll("tbody tr")) showAction(row);
}

export function start() {
  // On a small screen the filters would push the list off it.
  if (matchMedia("(max-width: 700px)").matches) document.getElementById("more").open = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  // Before htmx reads the form: another filter begins at its first page.
  form.addEventListener("input", () => (form.elements.page.value = 1), { capture: true });
  document.getElementById("main").addEventListener("click", clicked);
  form.addEventListener("keydown", tabKey);
  document.body.addEventListener("htmx:afterSwap", () => {
    drawn = performance.now();
    changes.clear();
    tickTimes();
    showAll();
  });
  document.body.addEventListener("htmx:responseError", ({ detail }) => {
    if (detail.xhr.status === 401) location.assign("/sign-in");
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => refreshBy(LAZY_MS));
  }
  listen(heard);
  setInterval(tick, 250);
  setInterval(tickTimes, 1000);
  const early = globalThis.earlyPress;
  // Whoever waited longer than that has given it up.
  if (early && performance.now() - early.at < EARLY_MS) early.button?.click();
}
