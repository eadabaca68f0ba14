/** What went wrong, in words that say what to do next. The gateway's own sentences are never shown: they are not to be trusted. */

import { ApiError, Offline, type Gateway } from "../api";
import { NotForThisDevice } from "../ceremony";
import { NoStorage } from "../keystore";
import { NotUnlocked } from "../passkey";
import { inAbout, moment, t } from "../strings";
import { Expired, Untrusted } from "../trust";

/** A difference that people should correct: beyond it, proofs of possession and expiries stop working. */
const SKEW_SECONDS = 60;

/** The device has no rights any more: its token is not accepted. A proof that is not is another matter (a wrong clock, mostly). */
export function isUnpaired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401 && error.code !== BAD_PROOF;
}

const BAD_PROOF = "invalid_dpop_proof";

export function problemText(error: unknown, gateway?: Gateway): string {
  const wrongClock = gateway?.clockSkew !== null && gateway !== undefined && Math.abs(gateway.clockSkew) > SKEW_SECONDS;
  if (error instanceof Offline) return t.problems.offline;
  if (error instanceof NoStorage) return t.problems.noStorage;
  if (error instanceof NotUnlocked) return t.problems.notUnlocked;
  if (wrongClock && (error instanceof Expired || (error instanceof ApiError && error.status === 401))) return t.problems.clock;
  if (error instanceof Expired) return t.problems.expired;
  if (error instanceof NotForThisDevice) return t.problems.foreign;
  if (error instanceof Untrusted) return t.problems.untrusted;
  if (error instanceof ApiError) return apiProblem(error);
  return t.problems.unknown(error instanceof Error ? error.name : "erro");
}

/** Wrong passwords have closed it: it had been closed before, or this one did it. */
export function isLocked(error: unknown): boolean {
  return error instanceof ApiError && (error.code === "credential_locked" || (error.code === "password_wrong" && error.data.lock !== undefined));
}

/** Nothing was done with what was typed: it may stay in its field for another try. */
export function keepsPassword(error: unknown): boolean {
  return error instanceof NotUnlocked || (error instanceof ApiError && error.code === "passkey_needed");
}

/** Until when, in words. What the gateway says of the end is trusted for as much as that: a sentence. */
function lockText(error: ApiError): string {
  const { until } = (error.data.lock ?? {}) as { until?: unknown };
  if (typeof until === "number" && Number.isFinite(until)) return t.problems.lockedUntil(moment(until));
  if (error.retryAfter !== null) return t.problems.lockedUntil(moment(Date.now() / 1000 + error.retryAfter));
  return t.problems.lockedForever;
}

function apiProblem(error: ApiError): string {
  if (error.code === "password_wrong") {
    const left = error.number("tries_left");
    if (isLocked(error)) return `${t.password.wrongSimple} ${lockText(error)}`;
    return left === null ? t.password.wrongSimple : t.password.wrong(left);
  }
  if (error.code === "emission_locked") return t.emission.locked(inAbout(error.retryAfter ?? 3600));
  if (isLocked(error)) return lockText(error);
  const known = t.problems.codes[error.code];
  if (known !== undefined && (error.code === "emission_refused" || error.code === "shown_number_wrong")) {
    const left = error.number("tries_left");
    return left === null ? known : `${known} ${t.problems.triesLeft(left)}`;
  }
  if (error.status === 429 && error.retryAfter !== null) return t.problems.waitFor(inAbout(error.retryAfter));
  if (known !== undefined) return known;
  if (error.status === 401) return t.problems.unpaired;
  if (error.status === 404) return t.problems.codes.not_found as string;
  if (error.status === 429) return t.problems.codes.too_many as string;
  if (error.status >= 502) return t.problems.codes.unavailable as string;
  const words = t.problems.unknown(error.code.slice(0, 40));
  return error.requestId === null ? words : `${words} ${t.problems.withId(error.requestId.slice(0, 64))}`;
}
