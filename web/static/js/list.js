// The list: what is asked for, and when it is put in order anew. That waits while somebody points
// at it, and then counts what has changed.

import { call } from "./api.js";
import { follow } from "./filtered.js";
import { _, ngettext, setText } from "./format.js";
import { ask as askBefore, join } from "./join.js";
import { notify } from "./notice.js";
import { list, patch, rowOf, rows, showAction, tickTimes } from "./rows.js";
import { listen } from "./stream.js";

const REFRESH_MS = 900;
const LAZY_MS = 5000;

const form = document.getElementById("filters");
const changes = new Set(); // ids of interactions that came or went since the list was drawn
let due = Infinity; // when the list is to be drawn anew
let drawnAt = performance.now();
let view = null; // the list under its filters

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
  drawnAt = performance.now();
  let answer;
  try {
    answer = await call("GET", `/interactions?${new URLSearchParams(view.filters())}`);
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

function drawn() {
  drawnAt = performance.now();
  changes.clear();
  tickTimes();
  showAll();
}

/** Nothing came, or somebody was in the list when it did. */
function failed(status) {
  refreshBy(status === null ? 0 : LAZY_MS); // the stream's own watch tells that the box is away
}

function draw() {
  due = Infinity;
  view.draw();
}

function tick() {
  const button = document.getElementById("update");
  const holding = held();
  const now = performance.now();
  const idle = view.isIdle() && !document.hidden;
  if (due <= now && now - drawnAt > REFRESH_MS && idle) {
    if (holding && !view.isAsked()) peek();
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
  const given = await askBefore(button.getAttribute("aria-label"));
  if (!given) {
    // The list may have been drawn anew behind the question.
    if (!button.isConnected) (rowOf(row.dataset.id)?.querySelector("[data-monitor]") ?? list()).focus();
    return;
  }
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  setText(button, _("Joining…"));
  try {
    await join(row.dataset.id, given);
  } catch (error) {
    notify(error.message, "bad");
  } finally {
    button.removeAttribute("aria-busy");
    setText(button, _("Monitor"));
    showAction(row);
  }
}

function showTab() {
  for (const tab of form.querySelectorAll("[role=tab]")) {
    const chosen = tab.dataset.show === form.elements.show.value;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
}

function choose(tab, { focus }) {
  view.ask({ show: tab.dataset.show });
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
  else if (sort) view.ask({ sort });
  else if (page) view.ask({ page });
  else if (button.id === "update") {
    view.draw("chose");
    if (event.detail === 0) list().focus(); // by keyboard: the button is about to go
    else button.blur();
  } else if (button.id === "clear") {
    view.ask({ search: "", monitored: "all", agent: "", queue: "", flow: "", direction: "" });
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
  view = follow(form, "list", { refuses: held, drawn, failed, went: showTab });
  form.addEventListener("keydown", tabKey);
  document.getElementById("main").addEventListener("click", clicked);
  listen(heard);
  setInterval(tick, 250);
  setInterval(tickTimes, 1000);
}
