// Plays what the demo's headset plays: PCM over a WebSocket into an audio worklet.

const button = document.getElementById("listen");
const state = document.getElementById("state");
let context = null;
let socket = null;

async function listen() {
  context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
  await context.audioWorklet.addModule("player.js");
  const player = new AudioWorkletNode(context, "pcm-player", { numberOfInputs: 0 });
  player.connect(context.destination);
  socket = new WebSocket(`ws://${location.host}/pcm`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { state.textContent = "You hear what the headset plays."; };
  socket.onmessage = (message) => player.port.postMessage(message.data, [message.data]);
  socket.onclose = () => { if (socket) stop("The demo's sound has ended. Press to listen again."); };
  button.setAttribute("aria-pressed", "true");
  state.textContent = "Connecting…";
}

function stop(words) {
  const closing = socket;
  socket = null;
  closing?.close();
  context?.close();
  context = null;
  button.setAttribute("aria-pressed", "false");
  state.textContent = words;
}

button.addEventListener("click", () => (context ? stop("Not listening.") : listen()));
