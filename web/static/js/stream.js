// The event stream. After 2 s of silence nothing that is shown is known to be true any more.

const SILENCE_MS = 2000;
const NAMES = ["snapshot", "interaction", "monitoring", "levels", "quality", "device", "watch", "beat"];

/** What the box said last. `known` is false when it has been silent; `offset` is its clock minus ours. */
export const box = { known: false, monitoring: null, device: null, platform: null, offset: 0 };

const listeners = [];
let source = null;
let heard = -Infinity;
let opened = performance.now();

/** Call `listener(name, data)` for each event, and with `known` when that changes. */
export function listen(listener) {
  listeners.push(listener);
}

function tell(name, data) {
  for (const listener of listeners) listener(name, data);
}

/** The box's clock. */
export function now() {
  return Date.now() + box.offset;
}

function setKnown(known) {
  if (box.known === known) return;
  box.known = known;
  tell("known", known);
}

function take(name, data) {
  heard = performance.now();
  if (data.as_of) box.offset = Date.parse(data.as_of) - Date.now();
  if (name === "snapshot") {
    box.monitoring = data.monitoring;
    box.device = data.device;
    box.platform = data.platform;
  } else if (name === "monitoring" || name === "device") {
    box[name] = data;
  }
  setKnown(box.monitoring !== null);
  tell(name, data);
}

async function refused() {
  // EventSource does not tell why it was refused; ask.
  try {
    const answer = await fetch("/api/v1/session");
    if (answer.status === 401) location.assign("/sign-in");
  } catch {
    // Unreachable: the watch below tries again.
  }
}

export function open() {
  source?.close();
  opened = performance.now();
  source = new EventSource("/api/v1/events");
  for (const name of NAMES) {
    source.addEventListener(name, (event) => take(name, JSON.parse(event.data)));
  }
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) refused();
  };
}

function watch() {
  const silence = performance.now() - Math.max(heard, opened);
  if (performance.now() - heard > SILENCE_MS) setKnown(false);
  // A dead connection can look open for minutes: begin anew.
  if (silence > 2 * SILENCE_MS) open();
}

export function start() {
  open();
  setInterval(watch, 200);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}
