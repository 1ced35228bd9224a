// A mouth in Chromium: some sound over and over, and what an agent's page may do with it.
let context, source, gain, peer, sender;

async function open_mouth(sound, rate) {
  const samples = new Int16Array(await (await fetch(sound)).arrayBuffer());
  context = new AudioContext({ sampleRate: rate });
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
  source = new AudioBufferSourceNode(context, { buffer, loop: true });
  gain = new GainNode(context);
  const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  source.connect(gain).connect(out);
  source.start();
  peer = new RTCPeerConnection();
  sender = peer.addTrack(out.stream.getAudioTracks()[0], out.stream);
}

async function offer(first) {
  const known = RTCRtpSender.getCapabilities("audio").codecs;
  const is_first = (codec) => codec.mimeType.toUpperCase() === `AUDIO/${first}`;
  const rest = known.filter((codec) => /CN|telephone-event/.test(codec.mimeType));
  peer.getTransceivers()[0].setCodecPreferences([...known.filter(is_first), ...rest]);
  await peer.setLocalDescription();
  while (peer.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 5));
  return peer.localDescription.sdp;
}

async function accept(sdp) {
  await peer.setRemoteDescription({ type: "answer", sdp });
}

function mute(on) { sender.track.enabled = !on; }

async function active(on) {
  const parameters = sender.getParameters();
  parameters.encodings[0].active = on;
  await sender.setParameters(parameters);
}

function press(keys) { sender.dtmf.insertDTMF(keys, 100, 70); }
