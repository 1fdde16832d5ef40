// The WebSocket: opens, comes back with growing pauses, and goes on from the last event it saw.

const FIRST_PAUSE = 500; // ms
const LONGEST_PAUSE = 15000;
const REFUSED = 4403; // the server's word for: sign in again
const SILENCE = 120000; // ms without any frame after which the connection is taken for dead

/**
 * States, given to `onState`: "connecting", "open", "waiting" (for the next try) and "refused"
 * (signed out; no further try). `onFrame(frame)` gets every frame. `signedIn()` resolves to
 * whether the session is still good: a refused handshake looks like a broken line to a browser.
 */
export class Connection {
  constructor({ url, onFrame, onState, signedIn }) {
    Object.assign(this, { url, onFrame, onState, signedIn });
    this.lastEventId = null;
    this.tries = 0;
    this.heard = 0; // when the last frame came, ms of performance.now()
    this.retryAt = 0;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.hurry());
    window.setInterval(() => this.watch(), 5000);
  }

  open() {
    window.clearTimeout(this.timer);
    this.setState("connecting");
    const resume = this.lastEventId === null ? "" : `?last=${this.lastEventId}`;
    const socket = new WebSocket(this.url + resume);
    this.socket = socket;
    socket.onopen = () => {
      this.heard = performance.now();
      this.setState("open");
    };
    socket.onmessage = (message) => this.receive(JSON.parse(message.data));
    socket.onclose = (closing) => this.closed(socket, closing.code);
  }

  receive(frame) {
    this.tries = 0;
    this.heard = performance.now();
    if (frame.type === "snapshot") this.lastEventId = frame.last_event_id;
    if (frame.type === "events" && frame.events.length) {
      this.lastEventId = frame.events[frame.events.length - 1].id;
    }
    this.onFrame(frame);
  }

  async closed(socket, code) {
    if (socket !== this.socket) return; // one we gave up
    const refused = code === REFUSED || !(await this.signedIn());
    if (refused) return this.setState("refused");
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.tries);
    this.tries += 1;
    this.wait(pause * (0.5 + Math.random() / 2)); // not all browsers at once
  }

  wait(pause) {
    this.retryAt = performance.now() + pause;
    this.timer = window.setTimeout(() => this.open(), pause);
    this.setState("waiting");
  }

  /** Try at once when the network or the person is back. */
  hurry() {
    if (document.visibilityState === "visible" && this.state === "waiting") this.open();
  }

  /** Open anew when an open line has been silent for long: it may be dead without a word. */
  watch() {
    if (this.state !== "open" || performance.now() - this.heard < SILENCE) return;
    const silent = this.socket;
    this.open();
    silent.close();
  }

  setState(state) {
    this.state = state;
    this.onState(state);
  }
}
