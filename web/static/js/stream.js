// The event stream. After 2 s of silence nothing that is shown is known to be true any more.

const SILENCE_MS = 2000;
const MADE_MS = 1000; // the stream has as long again to go on from what the page brings
const NAMES = ["snapshot", "interaction", "monitoring", "levels", "quality", "device", "check", "watch", "update", "beat"];

/** What the box said last. `known` is false when it has been silent; `offset` is its clock minus ours. */
export const box = { known: false, monitoring: null, device: null, platform: null, offset: 0 };

/** Whether a call is monitored, by what the box said last. */
export const inCall = () => Boolean(box.monitoring) && !["idle", "ended"].includes(box.monitoring.state);

const listeners = [];
let source = null;
let heard = -Infinity;
let heardAt = 0; // the same by the wall clock, which goes on while a laptop sleeps
let opened = performance.now();
let closed = false;

/** Call `listener(name, data)` for each event, and with `known` when that changes. */
export function listen(listener) {
  listeners.push(listener);
}

function tell(name, data) {
  for (const listener of listeners) {
    try {
      listener(name, data);
    } catch (error) {
      reportError(error); // the others hear of it all the same
    }
  }
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

function take({ name, data: text, at = performance.now(), date = Date.now() }) {
  const data = JSON.parse(text);
  heard = at;
  heardAt = date;
  if (data.as_of) box.offset = Date.parse(data.as_of) - date;
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

/** Listen no more, whatever becomes of the box. */
export function close() {
  closed = true;
  source?.close();
  setKnown(false);
}

export function open() {
  source?.close();
  if (closed) return;
  opened = performance.now();
  source = new EventSource("/api/v1/events");
  for (const name of NAMES) source.addEventListener(name, ({ data }) => take({ name, data }));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) refused();
  };
}

const silence = () => Math.max(performance.now() - heard, Date.now() - heardAt);

function watch() {
  if (silence() > SILENCE_MS) setKnown(false);
  // A dead connection can look open for minutes: begin anew.
  const waited = performance.now() - opened;
  if (Math.min(silence(), waited) > 2 * SILENCE_MS) open();
}

/** Back from sleep, from another tab or from no network: a stream that may be dead is not waited for. */
function wake() {
  if (document.hidden || (silence() < SILENCE_MS && source.readyState === EventSource.OPEN)) return;
  if (silence() > SILENCE_MS) setKnown(false);
  open();
}

/**
 * The page brings what the box knew when it was made, so that nothing waits for the stream. That is
 * as old as the request at most; and a laptop may have slept since: its wall clock went on.
 */
function takeMade() {
  const { requestStart: at = 0, responseStart = 0 } = performance.getEntriesByType("navigation")[0] ?? {};
  const date = performance.timeOrigin + responseStart;
  const age = Math.max(performance.now() - at, Date.now() - date);
  if (age < MADE_MS) take({ name: "snapshot", data: document.getElementById("snapshot").textContent, at, date });
}

export function start() {
  setInterval(watch, 200);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && wake());
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", wake);
  open();
  takeMade();
}
