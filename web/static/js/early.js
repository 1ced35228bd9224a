// Loaded before all else, and no module: it keeps a press on Monitor that comes before the page's
// modules have, for list.js to do then. It keeps no other: an old press must not un-mute.

document.addEventListener("click", ({ target }) => {
  globalThis.earlyPress = { button: target.closest?.("button[data-monitor]"), at: performance.now() };
});
