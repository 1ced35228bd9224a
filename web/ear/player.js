// A ring of samples between the WebSocket and the sound card: starts with 60 ms in store, and
// drops the oldest beyond 200 ms, so that the ear never falls behind the call.

const START = 48 * 60;
const MOST = 48 * 200;

class PcmPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.blocks = [];
    this.offset = 0;
    this.stored = 0;
    this.playing = false;
    this.port.onmessage = (message) => this.take(new Int16Array(message.data));
  }

  take(block) {
    this.blocks.push(block);
    this.stored += block.length;
    while (this.stored > MOST) {
      this.stored -= this.blocks.shift().length - this.offset;
      this.offset = 0;
    }
  }

  process(_inputs, outputs) {
    const channels = outputs[0];
    const out = channels[0];
    if (!this.playing && this.stored < START) return true;
    this.playing = this.stored >= out.length;
    if (!this.playing) return true;
    for (let i = 0; i < out.length; i += 1) {
      const head = this.blocks[0];
      out[i] = head[this.offset] / 32768;
      this.offset += 1;
      this.stored -= 1;
      if (this.offset === head.length) {
        this.blocks.shift();
        this.offset = 0;
      }
    }
    for (let c = 1; c < channels.length; c += 1) channels[c].set(out);
    return true;
  }
}

registerProcessor("pcm-player", PcmPlayer);
