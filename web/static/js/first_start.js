// The first start: the box looks at each step, or it is set aside.

import { call } from "./api.js";
import { _, setText } from "./format.js";

const LOOK_LIMIT_MS = 45000;
const get = (id) => document.getElementById(id);

let busy = false;

async function act(path, words, body) {
  if (busy) return;
  busy = true;
  setText(get("step-wrong"), "");
  setText(get("step-going"), words);
  try {
    await call("POST", `/first-start/${path}`, body, LOOK_LIMIT_MS);
    location.assign("/first-start");
  } catch (error) {
    setText(get("step-wrong"), error.message);
    setText(get("step-going"), "");
  } finally {
    busy = false;
  }
}

/** What was typed and is not in use; its button is where to go on. */
function unsaved() {
  const form = document.querySelector("form[data-typed]");
  const button = form?.querySelector(".button.primary");
  if (!button) return false;
  setText(get("step-wrong"), _("What you typed is not in use yet. Press “{button}” first.", { button: button.textContent }));
  button.focus();
  return true;
}

/** What only a person can tell; true where all the boxes of that name are ticked. */
function answers() {
  const told = {};
  for (const box of document.querySelectorAll("[data-answer]")) {
    told[box.dataset.answer] = box.checked && (told[box.dataset.answer] ?? true);
  }
  return told;
}

export function start() {
  const step = document.querySelector("[data-step]")?.dataset.step;
  document.addEventListener("input", ({ target }) => target.closest("form")?.setAttribute("data-typed", ""));
  get("step-verify")?.addEventListener("click", () => {
    if (!unsaved()) act(`steps/${step}`, _("The box looks at this step …"), answers());
  });
  get("step-aside")?.addEventListener("click", () => act(`steps/${step}/set-aside`, ""));
  get("first-start-finish")?.addEventListener("click", () => act("finish", ""));
}
