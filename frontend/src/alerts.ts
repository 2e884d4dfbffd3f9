// Ring tone and notification. Silent until the operator pressed "Test my pop" once in this browser: sound and permission need a click.
// A notification holds nothing about the customer: it may stand on a locked screen or a shared display.
const RING_ON_S = 1.0;
const RING_EVERY_MS = 3000;
const TONES_HZ = [440, 480] as const; // two near tones beat like a bell does
const VOLUME = 0.12;
const STORED = "ctiroute.alerts";

export class Alerts {
  #audio: AudioContext | null = null;
  #ringing: number | undefined;
  #notification: Notification | null = null;

  constructor() {
    // Browsers keep a fresh page silent until it is touched.
    const wake = (): void => {
      if (this.on) void this.#sound();
    };
    addEventListener("pointerdown", wake, { capture: true });
    addEventListener("keydown", wake, { capture: true });
  }

  get on(): boolean {
    return localStorage.getItem(STORED) === "on";
  }

  /** From a click: ask for what is needed, ring once. Tells what worked. */
  async test(title: string, body: string): Promise<"ok" | "no-sound" | "no-notification"> {
    localStorage.setItem(STORED, "on");
    const heard = await this.#sound();
    if (heard) this.#ring();
    const permission = "Notification" in window ? await Notification.requestPermission() : "denied";
    if (permission === "granted") this.#notify(title, body);
    return heard ? (permission === "granted" ? "ok" : "no-notification") : "no-sound";
  }

  off(): void {
    localStorage.setItem(STORED, "off");
    this.stop();
  }

  start(title: string, body: string): void {
    if (!this.on || this.#ringing !== undefined) return;
    void this.#sound().then((can) => {
      if (can && this.#ringing !== undefined) this.#ring();
    });
    this.#ringing = window.setInterval(() => this.#ring(), RING_EVERY_MS);
    if (document.visibilityState === "hidden" && "Notification" in window && Notification.permission === "granted") this.#notify(title, body);
  }

  stop(): void {
    clearInterval(this.#ringing);
    this.#ringing = undefined;
    this.#notification?.close();
    this.#notification = null;
  }

  get isRinging(): boolean {
    return this.#ringing !== undefined;
  }

  async #sound(): Promise<boolean> {
    try {
      this.#audio ??= new AudioContext();
      // resume() of a page nobody touched yet waits for ever.
      if (this.#audio.state !== "running") await Promise.race([this.#audio.resume(), new Promise((done) => setTimeout(done, 300))]);
      return (this.#audio.state as AudioContextState) === "running";
    } catch {
      return false; // no sound device
    }
  }

  #ring(): void {
    const audio = this.#audio;
    if (audio?.state !== "running") return;
    const start = audio.currentTime;
    const gain = audio.createGain();
    gain.connect(audio.destination);
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(VOLUME, start + 0.04);
    gain.gain.setValueAtTime(VOLUME, start + RING_ON_S - 0.12);
    gain.gain.linearRampToValueAtTime(0, start + RING_ON_S);
    for (const hertz of TONES_HZ) {
      const tone = audio.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(gain);
      tone.start(start);
      tone.stop(start + RING_ON_S);
    }
  }

  #notify(title: string, body: string): void {
    try {
      this.#notification?.close();
      this.#notification = new Notification(title, { body, tag: "ctiroute", requireInteraction: false });
      this.#notification.onclick = () => window.focus();
    } catch {
      // Some mobile browsers allow notifications from service workers alone; the ring still works.
    }
  }
}
