/**
 * Deciding: from a statement that came to a decision that went (step 6 of "one signature", docs/walkthroughs).
 *
 * Pairing, its test, association, identification and signing are the same act here; only their screens differ.
 */

import { ApiError, type Gateway } from "./api";
import { approves, decide, yesTo, type Choice } from "./decision";
import { isRequest, type AnyDocument, type DocumentType, type PhoneDocument } from "./documents";
import { unlock as unlockHere, type Assertion, type Unlock } from "./passkey";
import { sameBytes, type Bytes, type Json, type JsonObject } from "./encoding";
import { publicJwk, thumbprint, type SigningKey } from "./keys";
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

export type Stage = "unlocking" | "stretching" | "sending";

/** What a phone approves without its passkey: how it comes to decide anything. */
const UNGUARDED: readonly PhoneType[] = ["pair", "test"];

/** Signed and good, and meant for another key or a credential that this phone never bound. */
export class NotForThisDevice extends Error {
  override name = "NotForThisDevice";
}

export const now = (): number => Math.floor(Date.now() / 1000);

export class Ceremony {
  /** Words that the passkey gave and the SAM did not take yet, by document: a mistyped password asks for no second finger. */
  private readonly given = new Map<string, Assertion>();

  constructor(
    private readonly gateway: Gateway,
    private readonly trust: Trust,
    private readonly key: SigningKey,
    private readonly profile: () => Profile,
    private readonly stretch: Stretch = stretchInWorker,
    private readonly unlock: Unlock = unlockHere,
    /** The SAM wants the word of a passkey that this app does not know of. */
    private readonly learn: (passkey: string) => void = () => undefined,
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
    // The screen lock first: without it nothing is done with the password.
    const word = approves(choice) ? await this.word(statement, tell) : null;
    const stretched = approves(choice) && statement.proof ? await this.stretched(statement, password, tell) : null;
    tell("sending");
    const id = statement.document.id;
    try {
      return await this.send(statement, choice, stretched, word, shown);
    } catch (error) {
      if (error instanceof ApiError && error.code.startsWith("passkey_")) this.misunderstood(id, error);
      if (!(error instanceof ApiError) || error.code !== "transport_key_retired") throw error;
      // The transport key was exchanged meanwhile: the same document again, with the newer key and the same salt.
      const newer = await this.fetch(id, [statement.document.type]);
      if (!sameBytes(newer.bytes, statement.bytes)) throw new Untrusted("the document changed under the same id");
      const again = stretched && !sameStretch(newer, statement) ? await this.stretched(newer, password, tell) : stretched;
      return await this.send(newer, choice, again, word, shown);
    }
  }

  /** The name of a public key, as documents have it. */
  nameOf(key: unknown): Promise<string> {
    return thumbprint(publicJwk(key));
  }

  /** What this phone's passkey says of these bytes; null where it has none, or is not asked. Throws NotUnlocked. */
  private async word(statement: Statement<PhoneDocument>, tell: (stage: Stage) => void): Promise<Assertion | null> {
    const { document, bytes } = statement;
    const passkey = document.type === "passkey" ? document.passkey.id : this.profile().passkey;
    if (passkey === undefined || UNGUARDED.includes(document.type)) return null;
    const before = this.given.get(document.id);
    if (before !== undefined) return before;
    tell("unlocking");
    const said = await this.unlock(passkey, bytes);
    this.given.set(document.id, said);
    return said;
  }

  private misunderstood(document: string, error: ApiError): void {
    this.given.delete(document);
    const { passkey } = error.data;
    if (error.code === "passkey_needed" && typeof passkey === "string" && this.profile().passkey === undefined) this.learn(passkey);
  }

  private async stretched(statement: Statement, password: string | null, tell: (stage: Stage) => void): Promise<Bytes> {
    if (password === null || statement.proof === null) throw new Error("a password is needed");
    tell("stretching");
    return this.stretch(password, statement.proof);
  }

  private async send(statement: Statement<PhoneDocument>, choice: Choice, stretched: Bytes | null, word: Assertion | null, shown: string | null): Promise<Outcome> {
    const proof = stretched && (await proveStretched(stretched, statement, this.key.jkt));
    const decision = await decide(statement.bytes, choice, proof, this.key);
    const path = `/phone/v1/documents/${encodeURIComponent(statement.document.id)}/decision`;
    const beside = { ...(word !== null && { passkey: { ...word } }), ...(shown !== null && { shown_number: shown }) };
    const outcome = readOutcome(await this.gateway.call("POST", path, { ...decision, ...beside }, 60_000));
    this.given.delete(statement.document.id);
    return outcome;
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
