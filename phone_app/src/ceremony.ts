/**
 * Deciding: from a statement that came to a decision that went (step 6 of "one signature", docs/walkthroughs).
 *
 * Pairing, its test, association, identification and signing are the same act here; only their screens differ.
 */

import { ApiError, type Gateway } from "./api";
import { approves, decide, yesTo, type Choice } from "./decision";
import { isRequest, type AnyDocument, type DocumentType, type PhoneDocument } from "./documents";
import { sameBytes, type Bytes, type Json, type JsonObject } from "./encoding";
import type { SigningKey } from "./keys";
import type { Profile } from "./keystore";
import { proveStretched, stretchInWorker, type Stretch } from "./proof";
import { openStatement, type Statement } from "./statement";
import { Untrusted, type Trust } from "./trust";

export type PhoneType = PhoneDocument["type"];
export type Opened<T extends DocumentType = PhoneType> = Statement<Extract<AnyDocument, { type: T }>>;

export interface Outcome {
  state: "approved" | "refused";
  /** Shown after `associate` and `identify`; typed at the other side. */
  checkCode: string | null;
  /** After `pair`: the test that will ring. */
  document: string | null;
  /** After `generator`: the secret for codes, encrypted to the key that was asked for. */
  sealed: string | null;
}

export type Stage = "stretching" | "sending";

/** Signed and good, and meant for another key or a credential that this phone never bound. */
export class NotForThisDevice extends Error {
  override name = "NotForThisDevice";
}

export const now = (): number => Math.floor(Date.now() / 1000);

export class Ceremony {
  constructor(
    private readonly gateway: Gateway,
    private readonly trust: Trust,
    private readonly key: SigningKey,
    private readonly profile: () => Profile,
    private readonly stretch: Stretch = stretchInWorker,
  ) {}

  /** A statement that is signed, in time, of one of `types`, and meant for this phone. Throws Untrusted, Expired, NotForThisDevice. */
  async open<T extends PhoneType>(jws: unknown, types: readonly T[]): Promise<Opened<T>> {
    const statement = await openStatement(jws, types, this.trust, now());
    this.demandOurs(statement.document as PhoneDocument);
    return statement as Opened<T>;
  }

  async fetch<T extends PhoneType>(id: string, types: readonly T[]): Promise<Opened<T>> {
    const answer = await this.gateway.call("GET", `/phone/v1/documents/${encodeURIComponent(id)}`);
    const statement = await this.open(answer.statement, types);
    if ((statement.document as PhoneDocument).id !== id) throw new Untrusted("another document than the one asked for");
    return statement;
  }

  /**
   * Sends the holder's decision. `shown`: the number that an application shows which asks who is there. Throws ApiError; after
   * `password_wrong` and `shown_number_wrong` the same statement may be answered again.
   */
  async answer(statement: Statement<PhoneDocument>, choice: Choice, password: string | null, tell: (stage: Stage) => void, shown: string | null = null): Promise<Outcome> {
    if (approves(choice) && choice !== yesTo(statement.document)) throw new Error("another yes than this document takes");
    const stretched = approves(choice) && statement.proof ? await this.stretched(statement, password, tell) : null;
    tell("sending");
    const id = statement.document.id;
    try {
      return await this.send(statement, choice, stretched, shown);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "transport_key_retired") throw error;
      // The transport key was exchanged meanwhile: the same document again, with the newer key and the same salt.
      const newer = await this.fetch(id, [statement.document.type]);
      if (!sameBytes(newer.bytes, statement.bytes)) throw new Untrusted("the document changed under the same id");
      const again = stretched && !sameStretch(newer, statement) ? await this.stretched(newer, password, tell) : stretched;
      return await this.send(newer, choice, again, shown);
    }
  }

  private async stretched(statement: Statement, password: string | null, tell: (stage: Stage) => void): Promise<Bytes> {
    if (password === null || statement.proof === null) throw new Error("a password is needed");
    tell("stretching");
    return this.stretch(password, statement.proof);
  }

  private async send(statement: Statement<PhoneDocument>, choice: Choice, stretched: Bytes | null, shown: string | null): Promise<Outcome> {
    const proof = stretched && (await proveStretched(stretched, statement, this.key.jkt));
    const decision = await decide(statement.bytes, choice, proof, this.key);
    const path = `/phone/v1/documents/${encodeURIComponent(statement.document.id)}/decision`;
    const body = shown === null ? { ...decision } : { ...decision, shown_number: shown };
    return readOutcome(await this.gateway.call("POST", path, body, 60_000));
  }

  private demandOurs(document: PhoneDocument): void {
    if (isRequest(document)) {
      if (!this.profile().bound.some((one) => one.id === document.credential)) throw new NotForThisDevice(document.credential);
    } else if (document.device_key !== this.key.jkt) throw new NotForThisDevice(document.device_key);
  }
}

function sameStretch(left: Statement, right: Statement): boolean {
  const [a, b] = [left.proof, right.proof];
  return a !== null && b !== null && sameBytes(a.salt, b.salt) && a.argon2.m === b.argon2.m && a.argon2.t === b.argon2.t && a.argon2.p === b.argon2.p;
}

function readOutcome(answer: JsonObject): Outcome {
  const next = (answer.next ?? {}) as { check_code?: Json; document?: Json; generator?: { sealed?: Json } };
  return {
    state: answer.state === "refused" ? "refused" : "approved",
    checkCode: typeof next.check_code === "string" ? next.check_code : null,
    document: typeof next.document === "string" ? next.document : null,
    sealed: typeof next.generator?.sealed === "string" ? next.generator.sealed : null,
  };
}
