/**
 * What happened near this phone's certificates, to be shown until its holder dismisses it (docs/protocol.md section 9.2).
 *
 * The gateway's word, not the SAM's: it says that something happened and when. The words are ours, and nothing follows from it.
 */

import type { Gateway } from "./api";
import { asObject, type Json } from "./encoding";

export type WarningKind = "credential_locked" | "credential_blocked" | "credential_unblocked" | "consent_ended" | "phone_waiting";
const KINDS: readonly unknown[] = ["credential_locked", "credential_blocked", "credential_unblocked", "consent_ended", "phone_waiting"];

export interface Warning {
  id: string;
  kind: WarningKind;
  credential: string;
  /** The nickname of the phone it came from; null when nobody knows. */
  phone: string | null;
  /** That phone's id; null when nobody knows. */
  device: string | null;
  /** It came from this phone. */
  here: boolean;
  /** Seconds since 1970. */
  since: number;
  /** Of a lock, or of a phone's wait; null: for ever. */
  until: number | null;
}

export class Warnings {
  items: Warning[] = [];
  private readonly gone = new Set<string>();
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly gateway: Gateway,
    /** Whether this phone is bound to a credential: of others there is nothing to say. */
    private readonly isOurs: (credential: string) => boolean,
  ) {}

  /** Calls `listener` after each change. Returns how to stop. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks what there is. What cannot be asked now is asked at the next ring: that we are offline is said elsewhere. */
  async refresh(): Promise<void> {
    try {
      const { items } = await this.gateway.call("GET", "/phone/v1/warnings");
      const read = (Array.isArray(items) ? items.slice(0, 20) : []).map(readWarning);
      this.items = read.filter((one): one is Warning => one !== null && this.isOurs(one.credential) && !this.gone.has(one.id));
    } catch {
      return;
    }
    this.changed();
  }

  /** Its holder read it. It goes from the screen at once; the gateway hears of it when it can. */
  async dismiss(id: string): Promise<void> {
    this.gone.add(id);
    this.items = this.items.filter((one) => one.id !== id);
    this.changed();
    try {
      await this.gateway.call("DELETE", `/phone/v1/warnings/${encodeURIComponent(id)}`);
    } catch {
      this.gone.delete(id); // it comes back with the next refresh, and can be dismissed again
    }
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

/** Null for what is not a warning that we know: a newer gateway may have other kinds. */
export function readWarning(item: Json): Warning | null {
  const one = asObjectOrNull(item);
  if (one === null || !KINDS.includes(one.kind)) return null;
  const since = seconds(one.since);
  const until = one.until === null ? null : seconds(one.until);
  if (typeof one.id !== "string" || typeof one.credential !== "string" || since === undefined || until === undefined) return null;
  return { id: one.id, kind: one.kind as WarningKind, credential: one.credential, phone: typeof one.phone === "string" ? one.phone : null, device: typeof one.device === "string" ? one.device : null, here: one.here === true, since, until };
}

function asObjectOrNull(item: Json): ReturnType<typeof asObject> | null {
  try {
    return asObject(item);
  } catch {
    return null;
  }
}

function seconds(value: Json | undefined): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time / 1000;
}
