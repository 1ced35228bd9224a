// Sessions of the past: their list asked for anew by htmx, and times in the reader's own zone.

import { localTimes, setText } from "./format.js";
import { notify } from "./notice.js";

const LIST = "bargebox-history"; // what was asked for last, in this tab
const form = document.getElementById("past-filters");

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

function ask(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  if (!("page" in values)) form.elements.page.value = 1;
  form.dispatchEvent(new Event("refresh"));
}

function clicked({ target }) {
  const button = target.closest("button");
  const { sort, page } = button?.dataset ?? {};
  if (sort) ask({ sort });
  else if (page) ask({ page });
  else if (button?.id === "clear") {
    for (const { name } of form.querySelectorAll("select")) form.elements[name].value = name === "barged" ? "all" : "";
    ask({ search: "", interaction: "", from: "", to: "" });
    showDays();
  }
}

/** The list is there: say how long it is, and leave the way back to it for the page of a session. */
function drawn() {
  localTimes(document);
  sessionStorage.setItem(LIST, location.search);
}

function swapped() {
  drawn();
  const list = document.getElementById("past");
  setText(document.getElementById("past-told"), list.querySelector("#count").textContent);
  // A button that had the focus and cannot be pressed any more.
  if (document.activeElement === document.body) list.focus();
}

export function start() {
  if (!form) {
    localTimes(document);
    document.getElementById("past-back").search = sessionStorage.getItem(LIST) ?? "";
    return;
  }
  drawn();
  // On a small screen the filters would push the list off it.
  if (matchMedia("(max-width: 700px)").matches) document.getElementById("more").open = false;
  showDays();
  form.addEventListener("submit", (event) => event.preventDefault());
  // Before htmx reads the form: another filter begins at its first page.
  form.addEventListener("input", () => {
    form.elements.page.value = 1;
    takeDays();
  }, { capture: true });
  document.getElementById("main").addEventListener("click", clicked);
  document.body.addEventListener("htmx:afterSettle", swapped);
  document.body.addEventListener("htmx:responseError", ({ detail }) => {
    if (detail.xhr.status === 401) location.assign("/sign-in");
    else notify("The box could not look that up. Try again.", "bad");
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => notify("The box does not answer. Check the network and try again.", "bad"));
  }
}
