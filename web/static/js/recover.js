// A new administrator password, confirmed at the button of the box.

import { call } from "./api.js";
import { _ } from "./format.js";

const LOOK_EVERY_MS = 700;
const get = (id) => document.getElementById(id);
const choose = get("recover-choose");
const parts = ["recover-ask", "recover-press", "recover-choose", "recover-done"];

const WHY = {
  time: _("That took too long. Hold both buttons of the box again."),
  two: _("Another browser asked too, and the box cannot tell which of them is yours. Hold both buttons again, and ask once."),
  wrong: _("That was another number of presses. Hold both buttons of the box again."),
  cancelled: _("It was ended at the box. Hold both buttons again."),
  unheard: _("The box did not hear its buttons for a moment. Hold both buttons again."),
  call: _("A call has begun. Hold both buttons of the box when it has ended."),
};

let shown = "";
let chosen = false; // what the box said before counts no more

/** Show one part, its first control with the focus, and tell it to those who do not see it. */
function show(part, words = "") {
  if (shown === part) return;
  shown = part;
  for (const id of parts) get(id).hidden = id !== part;
  document.querySelector("[role=status]").textContent = words;
  get(part)?.querySelector("select, input, button")?.focus();
}

function fail(words) {
  show("");
  document.querySelector("[role=alert]").textContent = words;
}

function draw(found) {
  if (found.state === "waiting") {
    get("recover-number").textContent = found.presses;
    get("recover-left").textContent = _("The box waits for {seconds} s.", { seconds: found.seconds });
    show("recover-press", _("Press the microphone button of the box {count} times, then wait.", { count: found.presses }));
  } else if (found.state === "confirmed") {
    if (!choose.elements.name.length) choose.elements.name.append(...found.administrators.map((name) => new Option(name)));
    show("recover-choose", _("The box knows that you are there."));
  } else if (found.state === "closed") {
    return fail(WHY[found.why] ?? WHY.time);
  } else {
    return show("recover-ask");
  }
  setTimeout(look, LOOK_EVERY_MS);
}

async function look() {
  try {
    const found = await call("GET", "/recovery");
    if (!chosen) draw(found);
  } catch (error) {
    if (chosen) return;
    if (error.status) return fail(error.message);
    setTimeout(look, LOOK_EVERY_MS); // the box does not answer just now
  }
}

get("recover-ask").querySelector("button").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  await call("POST", "/recovery").then(draw, (error) => fail(error.message));
});

choose.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = choose.querySelector("button");
  button.disabled = true;
  chosen = true;
  try {
    const { password } = await call("POST", "/recovery/password", { name: choose.elements.name.value });
    get("recover-done").querySelector("input").value = password;
    show("recover-done");
    get("recover-done").querySelector("input").select();
  } catch (error) {
    document.querySelector("[role=alert]").textContent = error.message;
    button.disabled = chosen = false;
    setTimeout(look, LOOK_EVERY_MS);
  }
});

look();
