// What is typed into a form of settings, as the API takes it; and what is wrong with it, in place.

import { _, ngettext } from "./format.js";

const parts = (within) => [...within.querySelectorAll("[data-part]")];
const filled = (row) => parts(row).some((input) => input.value.trim());

/** The value of one setting; undefined leaves it out: an empty number, a secret that is kept. */
function valueOf(setting) {
  const input = setting.querySelector("input, select, textarea");
  switch (setting.dataset.control) {
    case "switch":
      return input.checked;
    case "secret":
      if (setting.querySelector("[data-remove-secret]")?.checked) return "";
      return input.value || undefined;
    case "set":
      return [...setting.querySelectorAll("input:checked")].map((box) => box.value);
    case "pem":
      return input.value.trim() || undefined;
    case "group": // of settings that have values of their own
      return undefined;
    case "lines":
      return input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    case "rows":
      return rowsOf(setting).filter(filled).map((row) =>
        Object.fromEntries(parts(row).map((part) => [part.dataset.part, part.value.trim()])));
    case "number":
    case "path":
      return input.value.trim() || undefined;
    default:
      return input.value.trim();
  }
}

const rowsOf = (setting) => [...setting.querySelectorAll(".row-list > .row")];

/** Every setting of a section: `{asterisk: {url: "…"}}`. */
export function collect(section) {
  const all = {};
  for (const setting of section.querySelectorAll("[data-field]")) {
    const value = setting.hidden ? undefined : valueOf(setting);
    if (value === undefined) continue;
    const path = setting.dataset.field.split(".");
    const name = path.pop();
    const place = path.reduce((within, step) => (within[step] ??= {}), all);
    place[name] = value;
  }
  return all;
}

/** The page anew, with these values in its address beside what is there. */
export function again(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) query.set(name, value);
  location.assign(`?${query}`);
}

let lines = 0;

/** A line of words that an input can refer to. */
function named(line) {
  line.id ||= `wrong-${(lines += 1)}`;
  return line;
}

/** Where the words about a field belong: its input, its line for words, and what goes before them. */
function placeOf(form, name) {
  const path = name.split(".");
  for (let length = path.length; length; length -= 1) {
    const setting = form.querySelector(`[data-field="${CSS.escape(path.slice(0, length).join("."))}"]`);
    if (!setting) continue;
    const [index, part] = path.slice(length);
    const row = rowsOf(setting).filter(filled)[index];
    const cell = row?.querySelector(`[data-part="${CSS.escape(part ?? "")}"]`)?.closest(".cell");
    if (cell) return { input: cell.querySelector("input, select"), line: named(cell.querySelector(".form-error")), before: "" };
    const before = index === undefined || Number.isNaN(Number(index)) ? "" : _("Entry {number}: ", { number: Number(index) + 1 });
    const input = setting.querySelector("input, select, textarea") ?? setting.querySelector("button");
    return { input, line: setting.querySelector(":scope > .form-error"), before };
  }
  return null;
}

export function clearFaults(form) {
  for (const line of form.querySelectorAll(".form-error")) line.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Show what is wrong at each field and go to the first; the names that are not in the form. */
export function showFaults(form, faults, lines = {}) {
  const inputs = [];
  const unknown = [];
  for (const [name, words] of Object.entries(faults)) {
    const place = placeOf(form, name);
    if (!place?.line) {
      unknown.push(lines[name] ? _("Line {line}, {name}: {words}", { line: lines[name], name, words }) : `${name}: ${words}`);
      continue;
    }
    place.line.textContent = [place.line.textContent, place.before + words].filter(Boolean).join(" ");
    place.input.setAttribute("aria-invalid", "true");
    if (!place.input.hasAttribute("aria-describedby")) place.input.setAttribute("aria-describedby", place.line.id);
    place.input.closest("details")?.setAttribute("open", "");
    inputs.push(place.input);
  }
  inputs.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  inputs[0]?.focus();
  return unknown;
}

function addRow(setting) {
  const row = setting.querySelector("template").content.firstElementChild.cloneNode(true);
  setting.querySelector(".row-list").append(row);
  row.querySelector("input").focus();
}

function removeRow(button) {
  const setting = button.closest("[data-field]");
  const row = button.closest(".row");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("input") ?? setting.querySelector("[data-add-row]")).focus();
}

/** Let entries be added and removed. */
export function makeRows(form) {
  form.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-add-row], [data-remove-row]");
    if (!button) return;
    if ("addRow" in button.dataset) addRow(button.closest("[data-field]"));
    else removeRow(button);
    form.dispatchEvent(new Event("input"));
  });
}

/** Show only what counts with the values that are chosen: `data-when="ipv4.method static dhcp"`. */
export function showWhen(form) {
  const show = () => {
    for (const setting of form.querySelectorAll("[data-when]")) {
      const [name, ...values] = setting.dataset.when.split(" ");
      const other = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
      setting.hidden = !values.includes(String(valueOf(other)));
    }
  };
  form.addEventListener("change", show);
  show(); // a browser that goes back keeps what was chosen
}

/** Give a form's buttons one thing to do at a time, and tell what is refused; the answer or null. */
export async function attempt(form, words, work) {
  if (form.dataset.busy) return null;
  form.dataset.busy = "yes";
  const buttons = form.querySelectorAll(".actions .button");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  clearFaults(form);
  const say = (text) => (form.querySelector("[role=status]").textContent = text);
  say(words);
  try {
    const answer = await work();
    say("");
    return answer;
  } catch (error) {
    if (!error.fields) throw error; // not the box's word but a fault of this page
    const count = Object.keys(error.fields).length;
    const unknown = showFaults(form, error.fields, error.lines);
    const fields = ngettext("One field is not right; see there. Nothing was changed.", "{count} fields are not right; see there. Nothing was changed.", count);
    form.querySelector(":scope > [role=alert]").textContent = [count ? fields : error.message, ...unknown].join(" ");
    say("");
    return null;
  } finally {
    delete form.dataset.busy;
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
}
