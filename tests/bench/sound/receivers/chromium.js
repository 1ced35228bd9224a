// The ear in Chromium: what leaves its receiver, in blocks as it gives them, with the page's time.
const lines = new Map();

async function open_line(name, offer, talks) {
  const peer = new RTCPeerConnection();
  const tracked = new Promise((resolve) => { peer.ontrack = (event) => resolve(event.track); });
  await peer.setRemoteDescription({ type: "offer", sdp: offer });
  // Nothing of what a browser does to a microphone's sound, as nobody else here does it either.
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const talk = talks ? await navigator.mediaDevices.getUserMedia({ audio: plain }) : null;
  talk?.getTracks().forEach((mine) => peer.addTrack(mine, talk));
  await peer.setLocalDescription();
  while (peer.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 5));
  const track = await tracked;
  const audio = new Audio();  // what pulls the sound out of the receiver
  audio.srcObject = new MediaStream([track]);
  audio.play();
  const line = { peer, audio, talk, times: [], blocks: [], ended: false };
  lines.set(name, line);
  line.reading = listen(line, new MediaStreamTrackProcessor({ track, maxBufferSize: 100 }));
  return peer.localDescription.sdp;
}

async function listen(line, processor) {
  const reader = processor.readable.getReader();
  while (true) {
    const { value, done } = await reader.read();
    if (done || line.ended) return;
    const block = new Float32Array(value.numberOfFrames);
    value.copyTo(block, { planeIndex: 0, format: "f32-planar" });
    line.times.push(value.timestamp);
    line.blocks.push(block);
    value.close();
  }
}

async function concealed(name) {
  for (const report of (await lines.get(name).peer.getStats()).values()) {
    if (report.type === "inbound-rtp") return report.concealedSamples / 48000;
  }
  return null;
}

async function close_line(name) {
  const line = lines.get(name);
  lines.delete(name);
  line.ended = true;
  line.talk?.getTracks().forEach((mine) => mine.stop());
  line.audio.pause();
  line.audio.srcObject = null;
  line.peer.close();
  const all = new Int16Array(line.blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of line.blocks) {
    for (const sample of block) all[at++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
  }
  const url = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(new Blob([all]));
  });
  return { times: line.times, sound: url.slice(url.indexOf(",") + 1) };
}
