// The box begins anew with other settings; the page waits for it and comes back.

import { call } from "./api.js";
import { _ } from "./format.js";

const LIMIT_MS = 30000;
const ASK_EVERY_MS = 300;

/** Wait for the box's next life, which `asked` tells of, then `show` the page as it is then; what to
 * say when it stays away. */
export async function nextLife(show, asked = "/settings") {
  const until = performance.now() + LIMIT_MS;
  while (performance.now() < until) {
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
    const answer = await call("GET", asked).catch(() => null);
    if (answer && !answer.restarting) {
      show();
      return "";
    }
  }
  return _("Saved, but the box does not answer yet. Reload this page in a moment.");
}
