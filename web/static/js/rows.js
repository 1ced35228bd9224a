// The list's rows, patched where they are.

import { _, agentNames, decimal, elapsed, fill, presence, refusal, setText, words } from "./format.js";
import { box, now } from "./stream.js";

const field = (row, name) => row.querySelector(`[data-field="${name}"]`);

export const list = () => document.getElementById("list");
export const rows = () => [...list().querySelectorAll("tbody tr")];
export const rowOf = (id) => list().querySelector(`tr[data-id="${CSS.escape(id)}"]`);

export function tickTimes() {
  for (const time of list().querySelectorAll("tr:not([data-state='ended']) [data-field='elapsed']")) {
    setText(time, elapsed(now() - Date.parse(time.dateTime)));
  }
}

/** A row has its marks when there is something to mark: most calls are never monitored. */
function showMonitors(row, monitors) {
  const cell = row.querySelector(".c-monitors");
  if (!cell.firstElementChild) {
    if (!monitors.length) return;
    cell.append(document.getElementById("marks").content.cloneNode(true));
    cell.querySelector(".before").href = `/history?interaction=${encodeURIComponent(row.dataset.id)}`;
  }
  const heard = monitors.findLast((monitor) => monitor.sound)?.sound ?? {};
  const said = ["mos", "lost_percent"].filter((name) => (heard[name] ?? null) !== null)
    .map((name) => fill(words.sound[name], { value: decimal(heard[name]) }));
  const sound = field(row, "sound");
  sound.hidden = !said.length;
  sound.replaceChildren(...said.flatMap((text) => [Object.assign(document.createElement("span"), { textContent: text }), " "]));
  const groups = [
    [".now", _("Monitoring now: {names}"), monitors.filter((monitor) => !monitor.ended_at)],
    [".before", _("Monitored before: {names}"), monitors.filter((monitor) => monitor.ended_at)],
  ];
  for (const [selector, title, found] of groups) {
    const mark = row.querySelector(selector);
    mark.hidden = !found.length;
    mark.title = fill(title, { names: [...new Set(found.map((monitor) => monitor.supervisor))].join(", ") });
    setText(mark.querySelector("[data-count]"), String(found.length));
  }
}

/** Whether the row can be monitored now: its own reason, and the session that may be running. */
export function showAction(row) {
  const session = box.monitoring?.state && box.monitoring.state !== "idle" ? box.monitoring : null;
  const current = session?.interaction?.id === row.dataset.id;
  let reason = row.dataset.reason;
  if (session || reason === "busy") reason = session ? "busy" : "";
  if (row.dataset.state === "ended") reason ||= "call_ended";
  const button = row.querySelector("[data-monitor]");
  const why = field(row, "why");
  const text = current ? _("Being monitored") : refusal(reason);
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

export function patch(row, interaction) {
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
  row.querySelector("[data-monitor]").setAttribute("aria-label", _("Monitor {names} with {customer}", { names, customer: interaction.customer }));
  showMonitors(row, interaction.monitors);
}
