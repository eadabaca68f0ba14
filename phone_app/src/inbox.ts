/** What waits for this phone's decision. Each item is verified before it is counted; what does not verify is only counted as discarded. */

import type { Gateway } from "./api";
import { now, type Ceremony, type Opened, type PhoneType } from "./ceremony";
import type { PhoneDocument } from "./documents";
import { asObject, type JsonObject } from "./encoding";
import { Expired } from "./trust";

/** What may come by itself. */
const TYPES: readonly PhoneType[] = ["sign", "session", "consent", "test", "associate", "identify"];
/** Answered on the very screens that asked for them, and nowhere else. */
const ASKED_HERE: readonly unknown[] = ["pair", "unblock", "generator", "admit", "passkey", "passkey-end"];
/**
 * What waits only because this phone read a code lately; its answer may have been lost. Anything else nobody asked for, but for
 * an application that says it rang: it learns who is there, which the gateway could tell it without this phone.
 */
const INVITED: readonly PhoneType[] = ["associate", "identify"];
/** Digits of a number to type; the gateway's word for it is a number, and no more. */
const MOST_DIGITS = 8;

export class Inbox {
  items: Opened[] = [];
  /** Items that were not signed by the SAM, or not for this phone. */
  discarded = 0;
  /** The error of the last refresh, if it failed. */
  problem: unknown = null;
  private readonly gone = new Set<string>();
  /** How many digits the application shows that asks, by document; the gateway demands them, not the signed bytes. */
  private readonly shown = new Map<string, number>();
  private readonly listeners = new Set<(arrived: Opened[]) => void>();
  private running: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly gateway: Gateway,
    private readonly ceremony: Ceremony,
    /** Whether this phone lately read a link's code that may lead to this document. */
    private readonly hasScanned: (document: PhoneDocument) => boolean,
  ) {}

  /** Calls `listener` after each refresh, with what is new. Returns how to stop. */
  listen(listener: (arrived: Opened[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks what waits. Rings during a refresh lead to one more. */
  refresh(): Promise<void> {
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.ask().finally(() => {
      this.running = undefined;
      if (this.again) {
        this.again = false;
        void this.refresh();
      }
    });
    return this.running;
  }

  /** It was decided here, or is known to be over. */
  drop(id: string): void {
    this.gone.add(id);
    this.items = this.items.filter((one) => one.document.id !== id);
  }

  /** What an answer says beside a statement: whether a number is to be typed. */
  remember(id: string, answer: JsonObject): void {
    const digits = answer.shown_number;
    if (typeof digits === "number" && Number.isSafeInteger(digits) && digits > 0 && digits <= MOST_DIGITS) this.shown.set(id, digits);
    else this.shown.delete(id);
  }

  /** How many digits are to be typed before the yes to this document; null: none. */
  digits(id: string): number | null {
    return this.shown.get(id) ?? null;
  }

  private async ask(): Promise<void> {
    const before = new Set(this.items.map((one) => one.document.id));
    try {
      const answer = await this.gateway.call("GET", "/phone/v1/waiting");
      const opened: Opened[] = [];
      this.discarded = 0;
      for (const item of Array.isArray(answer.items) ? answer.items.slice(0, 50) : []) {
        try {
          const told = asObject(item);
          const statement = await this.ceremony.open(told.statement, TYPES);
          this.remember(statement.document.id, told);
          const rung = told.rung === true && statement.document.type === "identify";
          const unasked = INVITED.includes(statement.document.type) && !rung && !this.hasScanned(statement.document);
          if (!unasked && !this.gone.has(statement.document.id)) opened.push(statement);
        } catch (error) {
          // Expired between there and here is nothing to worry about.
          if (!(error instanceof Expired) && !ASKED_HERE.includes(asObject(item).type)) this.discarded += 1;
        }
      }
      this.items = opened.filter((one) => one.expires > now()).sort((a, b) => a.expires - b.expires);
      this.problem = null;
    } catch (error) {
      this.problem = error;
    }
    const arrived = this.items.filter((one) => !before.has(one.document.id));
    for (const listener of [...this.listeners]) listener(arrived);
  }
}
