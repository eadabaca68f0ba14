import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, type Gateway, Offline } from "../src/api";
import { Live } from "../src/live";

/** A gateway whose streams do what a test says, one after the other; the last for ever. */
function gateway(...answers: (() => Promise<ReadableStream<Uint8Array>>)[]): { stream: ReturnType<typeof vi.fn>; asked: () => number } {
  let asked = 0;
  const stream = vi.fn(() => (answers[Math.min(asked++, answers.length - 1)] as () => Promise<ReadableStream<Uint8Array>>)());
  return { stream, asked: () => asked };
}

const refused = (status: number, after: number | null) => () => Promise.reject(new ApiError(status, "streams_busy", {}, null, after));
const silent = () => Promise.resolve(new ReadableStream<Uint8Array>());
const over = () =>
  Promise.resolve(
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("event: hello\ndata: {}\n\n"));
        controller.close();
      },
    }),
  );

describe("the live channel", () => {
  let live: Live | undefined;

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    live?.stop();
    vi.useRealTimers();
  });

  function listening(to: { stream: unknown }): ReturnType<typeof vi.fn> {
    const ring = vi.fn();
    live = new Live(to as unknown as Gateway, ring);
    live.start();
    return ring;
  }

  test("comes back when it was told to, and asks nothing meanwhile", async () => {
    const busy = gateway(refused(503, 30), silent);
    const ring = listening(busy);
    await vi.advanceTimersByTimeAsync(29_900);
    expect(busy.asked()).toBe(1);
    expect(live?.state).toBe("polling");
    expect(ring).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_200);
    expect(busy.asked()).toBe(2);
  });

  test("is not sent away for ever", async () => {
    const mad = gateway(refused(429, 1e9), silent);
    listening(mad);
    await vi.advanceTimersByTimeAsync(77_000);
    expect(mad.asked()).toBe(2);
  });

  test("opens another at once when one ended in order", async () => {
    const ends = gateway(over, silent);
    const ring = listening(ends);
    await vi.advanceTimersByTimeAsync(0);
    expect(ends.asked()).toBe(2);
    expect(ring).toHaveBeenCalledTimes(1);
  });

  test("takes 40 s of silence for a dead line", async () => {
    const dead = gateway(
      (() => Promise.resolve(new ReadableStream<Uint8Array>())) as () => Promise<ReadableStream<Uint8Array>>,
      silent,
    );
    dead.stream.mockImplementationOnce((_path: string, signal: AbortSignal) => {
      return Promise.resolve(
        new ReadableStream<Uint8Array>({
          start(controller) {
            signal.addEventListener("abort", () => controller.error(new Offline("silence")));
          },
        }),
      );
    });
    listening(dead);
    await vi.advanceTimersByTimeAsync(39_000);
    expect(dead.stream).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(dead.stream).toHaveBeenCalledTimes(2);
  });

  test("asks at once what is the matter when the phone is not known any more", async () => {
    const ring = listening(gateway(refused(401, null)));
    await vi.advanceTimersByTimeAsync(0);
    expect(ring).toHaveBeenCalledTimes(1);
  });
});
