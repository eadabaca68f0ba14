/**
 * What this phone remembers, in IndexedDB: its key (which the browser never gives out, only uses), its token, and how far a
 * pairing has come, so that going to the SMS and back loses nothing.
 */

import { makeSigningKey, type SigningKey } from "./keys";

export interface KnownCredential {
  id: string;
  subject: string;
  kind: string;
  valid_to: string | null;
  state: string;
}

/** A pairing that is under way. Each step has what the next needs. */
export type PairingStep =
  | { at: "code"; pairing: string; number: string; masked: string; codeUntil: number; resendAt: number; sendsLeft: number }
  | { at: "nickname" | "notifications" | "credential" | "password"; credentials: KnownCredential[] }
  | { at: "trial"; credentials: KnownCredential[]; credential: string; document: string | null };

export interface Profile {
  device?: string;
  token?: string;
  nickname?: string;
  /** Credentials whose pairing this phone completed: requests for others are not shown. */
  bound: { id: string; subject: string }[];
  /** All that the number has, as the gateway listed it at pairing. */
  known?: KnownCredential[];
  step?: PairingStep;
  /** The last link's code that was read or typed: when (seconds since 1970), and the computer's key if it was in there. */
  scan?: { at: number; key: string | null };
  welcomed?: boolean;
  /** Who asked before, as `callers.ts` writes it. */
  callers?: string[];
  /** What the holder calls a computer here, by its id. */
  petnames?: Record<string, string>;
  /** The passkey that speaks for each approval, as the authenticator knows it. */
  passkey?: string | undefined;
}

const NAME = "linkid";
const KEYS = "keys";
const STATE = "state";

/** This browser does not keep keys (a private window, or storage is full). */
export class NoStorage extends Error {
  override name = "NoStorage";
}

export class Keystore {
  private constructor(private readonly db: IDBDatabase) {}

  static async open(): Promise<Keystore> {
    try {
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(NAME, 1);
        request.onupgradeneeded = () => {
          request.result.createObjectStore(KEYS);
          request.result.createObjectStore(STATE);
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      return new Keystore(db);
    } catch (error) {
      throw new NoStorage(String(error));
    }
  }

  /** The device key, made at the first call. */
  async deviceKey(): Promise<SigningKey> {
    const kept = await this.read<SigningKey>(KEYS, "device");
    if (kept !== undefined) return kept;
    const key = await makeSigningKey();
    try {
      await this.write(KEYS, "device", key);
    } catch (error) {
      throw new NoStorage(String(error));
    }
    void navigator.storage?.persist?.().catch(() => false); // asks not to be evicted; a no changes nothing
    return key;
  }

  /** What makes codes for a certificate: a key that the browser uses and never gives out; undefined before there is one. */
  async generator(credential: string): Promise<CryptoKey | undefined> {
    return this.read<CryptoKey>(KEYS, `generator ${credential}`);
  }

  async keepGenerator(credential: string, key: CryptoKey): Promise<void> {
    await this.write(KEYS, `generator ${credential}`, key);
  }

  async profile(): Promise<Profile> {
    return (await this.read<Profile>(STATE, "profile")) ?? { bound: [] };
  }

  async saveProfile(profile: Profile): Promise<void> {
    await this.write(STATE, "profile", profile);
  }

  /** Forgets everything, key included: this phone has never been paired. */
  async clear(): Promise<void> {
    const transaction = this.db.transaction([KEYS, STATE], "readwrite");
    transaction.objectStore(KEYS).clear();
    transaction.objectStore(STATE).clear();
    await finished(transaction);
  }

  private async read<T>(store: string, key: string): Promise<T | undefined> {
    const request = this.db.transaction(store).objectStore(store).get(key) as IDBRequest<T | undefined>;
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  private async write(store: string, key: string, value: unknown): Promise<void> {
    const transaction = this.db.transaction(store, "readwrite");
    transaction.objectStore(store).put(value, key);
    await finished(transaction);
  }
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
