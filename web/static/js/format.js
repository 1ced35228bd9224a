// Words and times, the same as in Python.

export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

export function refusal(code) {
  return words.refusals?.[code] ?? "Cannot be monitored now";
}

export function presence(state) {
  return words.states?.[state] ?? state;
}

/** `m:ss` or `h:mm:ss`. */
export function elapsed(milliseconds) {
  const all = Math.max(0, Math.floor(milliseconds / 1000));
  const seconds = String(all % 60).padStart(2, "0");
  const minutes = Math.floor(all / 60) % 60;
  const hours = Math.floor(all / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

export function agentNames(interaction) {
  return interaction.agents.map((agent) => agent.name).join(", ");
}

const FORMS = {
  minute: { dateStyle: "medium", timeStyle: "short" },
  second: { dateStyle: "medium", timeStyle: "medium" },
  short: { timeStyle: "short" },
  clock: { timeStyle: "medium" },
};

/** Every moment with `data-local` below *root*, in the reader's own zone and way of writing. */
export function localTimes(root) {
  for (const element of root.querySelectorAll("[data-local]")) {
    const form = new Intl.DateTimeFormat(undefined, FORMS[element.dataset.local]);
    setText(element, form.format(new Date(element.dateTime ?? element.dataset.at)));
  }
}

/** Set text only where it differs, so that screen readers hear only changes. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
