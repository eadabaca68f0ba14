/**
 * Hearing the doorbell while the app is open (docs/protocol.md section 9.2 `GET live`).
 *
 * A doorbell says only that something waits; what waits is asked for. So a lost doorbell costs seconds, never a request: the
 * stream opens again by itself, what waits is asked for at every opening, and polling steps in when streams do not get through.
 */

import { ApiError, type Gateway } from "./api";

/** Silence for longer than this means a dead connection: heartbeats come every 25 s, and none is lost on a living one. */
const SILENCE_MS = 40_000;
/** Between two attempts, growing. Some disorder is added, so that a restarted gateway is not stormed. */
const RETRY_MS = [500, 2_000, 5_000, 15_000];
/** How often to ask when streams fail. */
const POLL_MS = 5_000;
/** A gateway that sends a crowd away gives each phone its second. Within it, the phones come one after the other. */
const DISORDER_MS = 1_000;

/** No longer than this, whatever a gateway or a proxy says: who holds the phone in hand is waiting. */
const MAX_AWAY_S = 75;

export type LiveState = "connected" | "polling" | "closed";

export class Live {
  private stopping = new AbortController();
  private running = false;
  private poller: ReturnType<typeof setInterval> | undefined;
  state: LiveState = "closed";

  constructor(
    private readonly gateway: Gateway,
    /** Ask what waits. Called at each opening, each doorbell and each poll. */
    private readonly ring: () => void,
    private readonly onState: (state: LiveState) => void = () => undefined,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.stopping = new AbortController();
    void this.keepListening(this.stopping.signal);
  }

  /** A connection that may have died unnoticed (the phone slept, the network changed) is replaced now. */
  restart(): void {
    if (!this.running) return;
    this.stop();
    this.start();
  }

  stop(): void {
    this.running = false;
    this.stopping.abort();
    this.poll(false);
    this.setState("closed");
  }

  private async keepListening(stop: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stop.aborted) {
      try {
        const heard = await this.listen(stop);
        failures = heard ? 0 : failures + 1;
      } catch (error) {
        const told = comeBack(error);
        if (told !== null && !stop.aborted) {
          // Its time is better than ours. Asking what waits meanwhile would be one more call of the crowd's.
          this.setState("polling");
          await pause(told + Math.random() * DISORDER_MS, stop);
          continue;
        }
        failures += 1;
        if (error instanceof ApiError && error.status === 401) this.ring(); // this phone was ended: whoever asks is told so
      }
      if (stop.aborted) return;
      if (failures > 1) {
        this.setState("polling");
        this.poll(true);
      }
      const base = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] as number;
      await pause(failures === 0 ? 0 : base * (0.7 + Math.random() * 0.6), stop);
    }
  }

  /** One connection, until it ends. True if it said anything. */
  private async listen(stop: AbortSignal): Promise<boolean> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    let heard = false;
    try {
      const stream = await this.gateway.stream("/phone/v1/live", AbortSignal.any([stop, silence.signal]));
      const reader = stream.getReader();
      const events = new EventReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return heard;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        for (const event of events.feed(value)) {
          if (event === "hello" || event === "doorbell") {
            heard = true;
            this.setState("connected");
            this.poll(false);
            this.ring();
          }
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private poll(on: boolean): void {
    if (on && this.poller === undefined) {
      this.ring();
      this.poller = setInterval(this.ring, POLL_MS);
    } else if (!on) {
      clearInterval(this.poller);
      this.poller = undefined;
    }
  }

  private setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
}

/** Names of the events in a `text/event-stream`, as its bytes arrive. Data is not read: a doorbell's id means nothing to us. */
export class EventReader {
  private rest = "";
  private name = "";
  private hasData = false;
  private readonly decoder = new TextDecoder();

  feed(bytes: Uint8Array): string[] {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    const events: string[] = [];
    for (const ended of lines) {
      const line = ended.replace(/\r$/, "");
      if (line === "") {
        if (this.hasData || this.name !== "") events.push(this.name || "message");
        this.name = "";
        this.hasData = false;
      } else if (line.startsWith("event:")) this.name = line.slice(6).trim();
      else if (line.startsWith("data:")) this.hasData = true;
    }
    return events;
  }
}

/** When the gateway wants us back, in milliseconds, or null when it did not say. */
function comeBack(error: unknown): number | null {
  if (!(error instanceof ApiError) || (error.status !== 429 && error.status !== 503) || error.retryAfter === null) return null;
  return Math.min(Math.max(error.retryAfter, 1), MAX_AWAY_S) * 1000;
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
