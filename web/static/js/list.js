// The list: what is asked for, and when it is put in order anew. That waits while somebody points
// at it, and then counts what has changed.

import { call } from "./api.js";
import { _, ngettext, setText } from "./format.js";
import { notify } from "./notice.js";
import { fetching, list, redraw } from "./redraw.js";
import { patch, rowOf, rows, showAction, tickTimes } from "./rows.js";
import { listen } from "./stream.js";

const REFRESH_MS = 900;
const LAZY_MS = 5000;
const EARLY_MS = 5000;
const TYPING_MS = 150;

const form = document.getElementById("filters");
const changes = new Set(); // ids of interactions that came or went since the list was drawn
let due = Infinity; // when the list is to be drawn anew
let drawn = performance.now();
let asked = null; // what somebody did that the list does not show yet: "chose", "typed" or "went"
let typing = 0;

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

const filters = () => Object.fromEntries(new FormData(form));

/** What the list would be now: rows still there are patched where they are, the rest is counted. */
async function peek() {
  due = Infinity;
  drawn = performance.now();
  let answer;
  try {
    answer = await call("GET", `/interactions?${new URLSearchParams(filters())}`);
  } catch {
    return; // the stream's own watch tells that the box is away
  }
  changes.clear();
  const gone = new Set(rows().map((row) => row.dataset.id));
  for (const interaction of answer.items) {
    const row = rowOf(interaction.id);
    if (row) patch(row, interaction);
    else changes.add(interaction.id);
    gone.delete(interaction.id);
  }
  for (const id of gone) changes.add(id);
}

/** Draw it; where nobody asked for that, only if still nobody is in it when the answer comes. */
async function draw(why = asked) {
  due = Infinity;
  asked = why;
  clearTimeout(typing);
  typing = 0;
  const wanted = filters();
  const result = await redraw(new URLSearchParams(wanted), () => !asked && held());
  if (result === "failed") refreshBy(LAZY_MS); // the stream's own watch tells that the box is away
  if (result === "refused") refreshBy(0);
  if (result !== "drawn") return;
  remember(wanted);
  asked = null;
  drawn = performance.now();
  changes.clear();
  tickTimes();
  showAll();
}

/** Keep the address true; each choice is a step of the browser's history, a word typed is one. */
function remember(wanted) {
  const { address } = list().dataset;
  const same = address === location.pathname + location.search;
  if (same && history.state?.filters) return;
  const typed = asked === "typed";
  const step = asked === "chose" || (typed && !history.state?.typed);
  const how = step && !same ? "pushState" : "replaceState";
  history[how]({ filters: wanted, typed }, "", same ? location.href : address);
}

/** Back or forward: the filters as they were then. */
function went({ state }) {
  if (!state?.filters) return; // within the page
  for (const [name, value] of Object.entries(state.filters)) {
    const input = form.elements[name];
    input.value = value;
    if (input.value !== value) input.add(new Option(value, value, false, true)); // no such call now
  }
  showTab();
  draw("went");
}

function tick() {
  const button = document.getElementById("update");
  const holding = held();
  const now = performance.now();
  const idle = !typing && !fetching() && !document.hidden;
  if (due <= now && now - drawn > REFRESH_MS && idle) {
    if (holding && !asked) peek();
    else draw();
    return;
  }
  const count = changes.size;
  button.hidden = !(holding && count);
  setText(button, ngettext("{count} change – update list", "{count} changes – update list", count));
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
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  setText(button, _("Joining…"));
  try {
    await call("POST", `/interactions/${encodeURIComponent(row.dataset.id)}/monitor`);
  } catch (error) {
    notify(error.message, "bad");
  } finally {
    button.removeAttribute("aria-busy");
    setText(button, _("Monitor"));
    showAction(row);
  }
}

function ask(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  if (!("page" in values)) form.elements.page.value = 1;
  draw("chose");
}

/** Another filter begins at its first page; a word is asked for when the keys rest. */
function filtered({ target }) {
  form.elements.page.value = 1;
  clearTimeout(typing);
  typing = setTimeout(draw, TYPING_MS, target.type === "search" ? "typed" : "chose");
}

function showTab() {
  for (const tab of form.querySelectorAll("[role=tab]")) {
    const chosen = tab.dataset.show === form.elements.show.value;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
}

function choose(tab, { focus }) {
  ask({ show: tab.dataset.show });
  showTab();
  if (focus) tab.focus();
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
    draw("chose");
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
  rows().forEach(showAction);
}

export function start() {
  // On a small screen the filters would push the list off it.
  if (matchMedia("(max-width: 700px)").matches) document.getElementById("more").open = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filtered);
  form.addEventListener("keydown", tabKey);
  document.getElementById("main").addEventListener("click", clicked);
  addEventListener("popstate", went);
  remember(filters());
  listen(heard);
  setInterval(tick, 250);
  setInterval(tickTimes, 1000);
  const early = globalThis.earlyPress;
  // Whoever waited longer than that has given it up.
  if (early && performance.now() - early.at < EARLY_MS) early.button?.click();
}
