// Joining a call, from wherever the page offers it, after what the site asks before each.

import { call } from "./api.js";
import { setText } from "./format.js";

const dialog = document.getElementById("before"); // there where something is asked
const reason = document.getElementById("before-reason");

/** What the site wants to be given before this call: for `join`; null for "rather not". */
export async function ask(about) {
  if (!dialog) return {};
  if (dialog.open) return null;
  if (reason) reason.value = "";
  setText(document.getElementById("before-call"), about);
  dialog.returnValue = "";
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.showModal();
  await closed;
  if (dialog.returnValue !== "go") return null;
  return { confirmed: true, reason: reason?.value ?? "" };
}

/** Monitor the call of this id; throws the box's refusal. */
export function join(id, given) {
  return call("POST", `/interactions/${encodeURIComponent(id)}/monitor`, given);
}
