/** The gateway as this app calls it (docs/protocol.md sections 9.1, 9.2, 12). What it answers is data to check, never orders. */

import { asObject, type Json, type JsonObject } from "./encoding";
import { dpopProof } from "./dpop";
import type { SigningKey } from "./keys";

/** The gateway refused. `code` is what screens translate; its own sentence is never shown, because it is not to be trusted. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    readonly status: number,
    readonly code: string,
    readonly data: JsonObject,
    readonly requestId: string | null,
    /** Seconds until trying again makes sense. */
    readonly retryAfter: number | null,
  ) {
    super(`${status} ${code}`);
  }

  /** A whole number of the error's data, such as `tries_left`. */
  number(name: string): number | null {
    const value = this.data[name];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  }
}

/** No answer at all: no network, or nobody there. */
export class Offline extends Error {
  override name = "Offline";
}

/** Longer than any answer of ours takes; shorter than a person's patience. */
const TIMEOUT_MS = 20_000;

export class Gateway {
  /** How far the phone's clock is from the gateway's, in seconds, when an answer told. Positive: the phone is ahead. */
  clockSkew: number | null = null;
  private nonce: string | undefined;

  constructor(
    readonly origin: string,
    private readonly key: SigningKey,
    private readonly token: () => string | undefined = () => undefined,
  ) {}

  async call(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: Json, timeout = TIMEOUT_MS): Promise<JsonObject> {
    let answer = await this.send(method, path, body, AbortSignal.timeout(timeout));
    if (answer.status === 401 && answer.headers.get("DPoP-Nonce") !== null) {
      answer = await this.send(method, path, body, AbortSignal.timeout(timeout)); // RFC 9449 section 8: once more, with its nonce
    }
    if (!answer.ok) throw await refusal(answer);
    if (answer.status === 204) return {};
    try {
      return asObject(await answer.json());
    } catch {
      throw new ApiError(answer.status, "not_json", {}, answer.headers.get("X-Request-Id"), null);
    }
  }

  /** A stream that stays open until `signal` ends it. */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.send("GET", path, undefined, signal, "text/event-stream");
    if (!answer.ok) throw await refusal(answer);
    if (answer.body === null) throw new Offline("no stream");
    return answer.body;
  }

  private async send(method: string, path: string, body: Json | undefined, signal: AbortSignal, accept = "application/json"): Promise<Response> {
    const url = this.origin + path;
    const token = this.token();
    const headers: Record<string, string> = {
      Accept: accept,
      DPoP: await dpopProof(this.key, method, url, Math.floor(Date.now() / 1000), token, this.nonce),
    };
    if (token !== undefined) headers.Authorization = `DPoP ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      const answer = await fetch(url, {
        method,
        headers,
        signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        referrerPolicy: "no-referrer",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      this.learn(answer);
      return answer;
    } catch (error) {
      throw new Offline(String(error));
    }
  }

  private learn(answer: Response): void {
    this.nonce = answer.headers.get("DPoP-Nonce") ?? this.nonce;
    const date = Date.parse(answer.headers.get("Date") ?? "");
    if (!Number.isNaN(date)) this.clockSkew = (Date.now() - date) / 1000;
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  let data: JsonObject = {};
  try {
    data = asObject(await answer.json());
  } catch {
    // an answer without our form (a proxy's, perhaps): the status speaks
  }
  const code = typeof data.code === "string" ? data.code : `http_${answer.status}`;
  const after = typeof data.retry_after === "number" ? data.retry_after : Number(answer.headers.get("Retry-After") ?? NaN);
  const requestId = typeof data.request_id === "string" ? data.request_id : answer.headers.get("X-Request-Id");
  return new ApiError(answer.status, code, data, requestId, Number.isFinite(after) ? after : null);
}
