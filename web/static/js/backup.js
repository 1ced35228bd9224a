// The whole box as one file: downloaded, checked, imported.

import { call } from "./api.js";
import { _, language, ngettext } from "./format.js";
import { nextLife } from "./next_life.js";
import { attempt } from "./settings_form.js";

const get = (id) => document.getElementById(id);
const LIMIT_MS = 60000;

/** The refusal of a download says what is wrong as any other. */
async function download(passphrase) {
  const request = { method: "POST", headers: { "Content-Type": "application/json", "X-Bargebox": language }, body: JSON.stringify({ passphrase }), signal: AbortSignal.timeout(LIMIT_MS) };
  const answer = await fetch("/api/v1/settings/export", request).catch(() => null);
  if (!answer?.ok) return call("POST", "/settings/export", { passphrase }); // in words
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "bargebox.toml";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LIMIT_MS);
  return true;
}

function shown(change) {
  const item = document.createElement("li");
  const name = document.createElement("code");
  name.textContent = change.field;
  item.append(name, " ", change.after === null ? _("is set anew") : _("{before} → {after}", { before: change.before || "–", after: change.after || "–" }));
  return item;
}

async function given(check) {
  const [file] = get("set-document").files;
  const body = { document: file ? await file.text() : "", passphrase: get("set-import-passphrase").value, check };
  return call("POST", "/settings/import", body, LIMIT_MS);
}

export function start() {
  const out = get("export-form");
  const into = get("import-form");
  const use = get("import-use");
  const say = (form, text) => (form.querySelector(":scope > [role=status]").textContent = text);
  out.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await attempt(out, _("The box makes the file…"), () => download(get("set-passphrase").value))) say(out, _("Downloaded. That you did is on record."));
  });
  const forget = () => {
    use.hidden = true;
    get("import-changes").replaceChildren();
  };
  into.addEventListener("input", forget);
  into.addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
    const answer = await attempt(into, _("Checking …"), () => given(true));
    if (!answer) return;
    const count = answer.changes.length;
    get("import-changes").replaceChildren(...answer.changes.map(shown));
    use.hidden = !count;
    say(into, count ? ngettext("The file is right. It changes one value:", "The file is right. It changes {count} values:", count) : _("The file is right, and changes nothing."));
  });
  use.addEventListener("click", async () => {
    const answer = await attempt(into, _("Importing …"), () => given(false));
    if (!answer) return;
    say(into, _("Saved. The box restarts …"));
    say(into, await nextLife(() => location.assign("/settings/backup?saved=true")));
  });
}
