// Texts in the visitor's language, words and times, the same as in Python. English is in the code;
// another language's texts come with the page.

export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
export const language = document.documentElement.lang;
/** How times and numbers are written: as the reader does where that is the page's language. */
export const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;

/** A text with its `{name}` filled in. */
export function fill(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (gap, name) => values[name] ?? gap);
}

/** An English text as the visitor reads it. */
export function _(text, values) {
  return fill(words.texts?.[text] ?? text, values);
}

/** The form that fits a count, which is its `{count}`. */
export function ngettext(one, many, count) {
  const forms = words.texts?.[one] ?? [one, many];
  return fill(forms[count === 1 ? 0 : 1], { count });
}

/** With one decimal. */
export function decimal(value) {
  return value.toLocaleString(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export function refusal(code) {
  return words.refusals?.[code] ?? _("Cannot be monitored now");
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

const forms = {}; // a list has many moments, and a form is dear to make

/** Every moment with `data-local` below *root*, in the reader's own zone and way of writing. */
export function localTimes(root) {
  for (const element of root.querySelectorAll("[data-local]")) {
    const { local, at } = element.dataset;
    forms[local] ??= new Intl.DateTimeFormat(locale, FORMS[local]);
    setText(element, forms[local].format(new Date(element.dateTime ?? at)));
  }
}

/** Set text only where it differs, so that screen readers hear only changes. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
