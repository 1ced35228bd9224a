// Joining a call, from wherever the page offers it.

import { call } from "./api.js";

/** Monitor the call of this id; throws the box's refusal. */
export function join(id) {
  return call("POST", `/interactions/${encodeURIComponent(id)}/monitor`);
}
