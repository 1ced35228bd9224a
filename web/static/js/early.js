// Loaded before all else, and no module. Until the page's own scripts have come it keeps the last
// press on a button of the page itself, for main.js to do then; none of the toolbar or of the box's
// drawing, for an old press must not un-mute. And it lets no form go that is the scripts': its
// values would be in the address. The box is asked for its state at once, and what it says is kept
// for stream.js.

(() => {
  const MOST = 1000; // then the scripts ask anew
  const names = ["snapshot", "interaction", "monitoring", "levels", "quality", "device", "check", "watch", "update", "beat"];
  const over = new AbortController();
  const until = { signal: over.signal };
  const stream = { names, source: new EventSource("/api/v1/events"), told: [] };
  const version = document.currentScript.src.match(/v-[0-9a-f]+(?=\/)/)?.[0];
  const early = (globalThis.early = { button: null, at: 0, typed: false, over, stream, version });
  addEventListener("input", () => (early.typed = true), { once: true });
  for (const name of names) {
    stream.source.addEventListener(name, ({ data }) => {
      if (stream.told.push({ name, data, at: performance.now(), date: Date.now() }) > MOST) stream.source.close();
    }, until);
  }
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("main button:not([data-button])");
    early.button = button?.closest("form[action]") ? null : button;
    early.at = performance.now();
  }, until);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[action], [method]")) event.preventDefault();
  }, until);
})();
