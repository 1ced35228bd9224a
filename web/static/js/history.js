// Sessions of the past: their list, and times in the reader's own zone.

import { follow } from "./filtered.js";
import { _, localTimes, setText } from "./format.js";
import { notify } from "./notice.js";

const LIST = "bargebox-history"; // what was asked for last, in this tab
const form = document.getElementById("past-filters");
let view = null; // the list under its filters

/** A day of the reader's calendar, as midnight at its beginning; `later` days on. */
function midnight(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later);
}

/** The days chosen, as the moments that the box asks for: to the end of the last one. */
function takeDays() {
  for (const input of form.querySelectorAll("[data-day]")) {
    const { day } = input.dataset;
    form.elements[day].value = input.value ? midnight(input.value, day === "to" ? 1 : 0).toISOString() : "";
  }
}

function showDays() {
  for (const input of form.querySelectorAll("[data-day]")) {
    const { day } = input.dataset;
    const at = Date.parse(form.elements[day].value) - (day === "to" ? 1 : 0);
    const local = new Date(at - new Date(at).getTimezoneOffset() * 60000);
    input.value = Number.isNaN(at) ? "" : local.toISOString().slice(0, 10);
  }
}

function clicked({ target }) {
  const button = target.closest("button");
  const { sort, page } = button?.dataset ?? {};
  if (sort) view.ask({ sort });
  else if (page) view.ask({ page });
  else if (button?.id === "clear") {
    for (const { name } of form.querySelectorAll("select")) form.elements[name].value = name === "barged" ? "all" : "";
    view.ask({ search: "", interaction: "", from: "", to: "" });
    showDays();
  }
}

/** Leave the way back to this list for the page of a session. */
function remember() {
  sessionStorage.setItem(LIST, location.search);
}

function swapped() {
  localTimes(document);
  remember();
  setText(document.getElementById("past-told"), document.getElementById("count").textContent);
}

function failed(status) {
  if (status === 401) return;
  notify(status ? _("The box could not look that up. Try again.") : _("The box does not answer. Check the network and try again."), "bad");
}

export function start() {
  if (!form) {
    document.getElementById("past-back").search = sessionStorage.getItem(LIST) ?? "";
    return;
  }
  remember();
  // On a small screen the filters would push the list off it.
  if (matchMedia("(max-width: 700px)").matches) document.getElementById("more").open = false;
  showDays();
  view = follow(form, "past", { read: takeDays, drawn: swapped, failed, went: showDays });
  document.getElementById("main").addEventListener("click", clicked);
}
