/**
 * What a holder is asked to decide, read from the very bytes that will be signed (docs/protocol.md sections 3, 5, 9.1).
 *
 * Screens show these values and nothing else: no text that came beside the bytes ever reaches an approval screen.
 */

import { asObject, BadEncoding, parseCanonical, unb64u, type Bytes, type JsonObject } from "./encoding";

interface Common {
  id: string;
  created: number;
  expires: number;
  nonce: string;
}

export interface PairDocument extends Common {
  type: "pair";
  device: string;
  device_key: string;
  nickname: string;
  credential: string;
  subject: string;
}

export interface TestDocument extends Common {
  type: "test";
  device: string;
  device_key: string;
  credential: string;
  subject: string;
}

export interface AssociateDocument extends Common {
  type: "associate";
  device: string;
  device_key: string;
  credentials: CredentialName[];
  computer: { id: string; name: string; os: string; key: string; address: string };
}

export interface IdentifyDocument extends Common {
  type: "identify";
  device: string;
  device_key: string;
  credentials: CredentialName[];
  integrator: { id: string; name: string };
  scope: string;
  address: string;
}

export interface UnblockDocument extends Common {
  type: "unblock";
  device: string;
  device_key: string;
  credential: string;
  subject: string;
  /** Since when the certificate is blocked; seconds since 1970. */
  blocked: number;
}

export interface GeneratorDocument extends Common {
  type: "generator";
  device: string;
  device_key: string;
  credential: string;
  subject: string;
  /** Thumbprint of the key that the secret will be encrypted to. */
  delivery_key: string;
}

export interface AdmitDocument extends Common {
  type: "admit";
  device: string;
  device_key: string;
  credential: string;
  subject: string;
  /** The phone that waits; `since`: seconds since 1970. */
  phone: { device: string; nickname: string; key: string; since: number };
}

/** A passkey speaks for each of this phone's approvals from now on. */
export interface PasskeyDocument extends Common {
  type: "passkey";
  device: string;
  device_key: string;
  credential: string;
  subject: string;
  /** `id`: how the authenticator knows it, b64u; `key`: thumbprint of its public key. */
  passkey: { id: string; key: string };
}

/** It does so no longer. */
export interface PasskeyEndDocument extends Omit<PasskeyDocument, "type"> {
  type: "passkey-end";
}

export interface SignDocument extends Common {
  type: "sign";
  credential: string;
  certificate: string;
  subject: string;
  caller: { kind: "computer" | "integrator"; id: string; name: string };
  scope: "single" | "multi";
  count: number;
  documents: SignedFile[];
  hash_algorithm: string;
  sign_algorithm: string;
  verification_code: string;
}

export interface SessionDocument extends Common {
  type: "session";
  credential: string;
  certificate: string;
  subject: string;
  caller: SignDocument["caller"];
  /** What the caller says it is for; may be empty. */
  purpose: string;
  /** Seconds since 1970. */
  until: number;
  /** At most so many signatures. */
  maximum: number;
  /** Thumbprints of the keys that sign each use; none: whoever holds the bearer secret signs in the holder's name. */
  session_key: string[];
  hash_algorithm: string;
  sign_algorithm: string;
  verification_code: string;
}

/** An application wants to send the holder's password and code by itself. */
export interface ConsentDocument extends Common {
  type: "consent";
  credential: string;
  certificate: string;
  subject: string;
  caller: SignDocument["caller"];
  purpose: string;
  /** Seconds since 1970. */
  until: number;
  /** At most so many signatures. */
  maximum: number;
  verification_code: string;
}

/** What a caller asked of a credential: any phone bound to it may decide, with the usage password. */
export type RequestDocument = SignDocument | SessionDocument | ConsentDocument;

export interface EmissionIdentifyDocument extends Common {
  type: "emission-identify";
  protocol: string;
  key: string;
}

export interface EmissionTermDocument extends Common {
  type: "emission-term";
  emission: string;
  protocol: string;
  key: string;
  name: string;
  cpf: string;
  email: string;
  phone: string;
  product: string;
  valid_days: number;
  term: { version: string; title: string; paragraphs: string[] };
}

export interface EmissionKeyDocument extends Common {
  type: "emission-key";
  emission: string;
  credential: string;
  key: string;
  key_algorithm: string;
}

export type PhoneDocument = PairDocument | TestDocument | AssociateDocument | IdentifyDocument | UnblockDocument | GeneratorDocument | AdmitDocument | PasskeyDocument | PasskeyEndDocument | RequestDocument;
export type EmissionDocument = EmissionIdentifyDocument | EmissionTermDocument | EmissionKeyDocument;
export type AnyDocument = PhoneDocument | EmissionDocument;
export type DocumentType = AnyDocument["type"];

export interface CredentialName {
  id: string;
  subject: string;
}

export interface SignedFile {
  label: string;
  size: number | null;
  hash: string;
}

/** Digest lengths in bytes: a hash of another length is not what it says it is. */
const DIGEST: Record<string, number> = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };
const SIGN_ALGORITHM = /^(RSA-PKCS1|RSA-PSS|ECDSA)-(SHA256|SHA384|SHA512)$/;
const MAX_FILES = 100;
/** Characters of a passkey's id: 1,023 bytes in b64u. */
const MAX_HANDLE = 1364;
/** Of a session (docs/protocol.md section 15). */
const MAX_SIGNATURES = 100_000;
const LONGEST_SESSION = 7 * 86_400;
const LONGEST_CONSENT = 366 * 86_400;
const THUMBPRINT = /^[\w-]{43}$/;

export function isRequest(document: AnyDocument): document is RequestDocument {
  return document.type === "sign" || document.type === "session" || document.type === "consent";
}

/** The document that `bytes` spell. Throws BadEncoding when it is of another version or shape. */
export function readDocument(bytes: Bytes): AnyDocument {
  const from = parseCanonical(bytes);
  if (from.v !== 1) throw new BadEncoding("a document of another version");
  const reader = READERS[from.type as DocumentType];
  if (!Object.hasOwn(READERS, String(from.type))) throw new BadEncoding("a document of another type");
  return { ...common(from), ...reader(from) } as AnyDocument;
}

const READERS: Record<DocumentType, (from: JsonObject) => object> = {
  pair: (from) => ({ type: "pair", ...onDevice(from), nickname: text(from, "nickname"), ...credential(from) }),
  test: (from) => ({ type: "test", ...onDevice(from), ...credential(from) }),
  associate: (from) => ({ type: "associate", ...onDevice(from), credentials: credentials(from), computer: computer(from) }),
  identify: (from) => ({
    type: "identify",
    ...onDevice(from),
    credentials: credentials(from),
    integrator: { id: text(asObject(from.integrator), "id"), name: text(asObject(from.integrator), "name") },
    scope: text(from, "scope"),
    address: text(from, "address"),
  }),
  unblock: (from) => ({ type: "unblock", ...onDevice(from), ...credential(from), blocked: whole(from, "blocked") }),
  generator: (from) => ({ type: "generator", ...onDevice(from), ...credential(from), delivery_key: text(from, "delivery_key") }),
  admit: (from) => ({ type: "admit", ...onDevice(from), ...credential(from), phone: waitingPhone(from) }),
  passkey: (from) => ({ type: "passkey", ...onDevice(from), ...credential(from), passkey: passkey(from) }),
  "passkey-end": (from) => ({ type: "passkey-end", ...onDevice(from), ...credential(from), passkey: passkey(from) }),
  sign: readSign,
  session: readSession,
  consent: readConsent,
  "emission-identify": (from) => ({ type: "emission-identify", protocol: text(from, "protocol"), key: text(from, "key") }),
  "emission-term": readTerm,
  "emission-key": (from) => ({
    type: "emission-key",
    emission: text(from, "emission"),
    credential: text(from, "credential"),
    key: text(from, "key"),
    key_algorithm: text(from, "key_algorithm"),
  }),
};

/** What every request says: who asks, of which certificate, under which code. */
function readAsked(from: JsonObject): Omit<ConsentDocument, keyof Common | "type" | "purpose" | "until" | "maximum"> {
  const caller = asObject(from.caller);
  const kind = caller.kind;
  if (kind !== "computer" && kind !== "integrator") throw new BadEncoding("an unknown kind of caller");
  return {
    ...credential(from),
    certificate: text(from, "certificate"),
    caller: { kind, id: text(caller, "id"), name: text(caller, "name") },
    verification_code: text(from, "verification_code"),
  };
}

/** A consent whose limits this app can show: no computer's, and not over before it is decided. */
function readConsent(from: JsonObject): object {
  const [until, maximum] = [whole(from, "until"), readMaximum(from)];
  if (until <= whole(from, "created") || until > whole(from, "created") + LONGEST_CONSENT) throw new BadEncoding("a consent that ends too early or too late");
  const asked = readAsked(from);
  if (asked.caller.kind !== "integrator") throw new BadEncoding("a consent for a computer");
  return { type: "consent", ...asked, purpose: text(from, "purpose"), until, maximum };
}

/** Of a request for signatures also by which algorithm. */
function readRequest(from: JsonObject): Omit<SignDocument, keyof Common | "type" | "scope" | "count" | "documents"> {
  const hashAlgorithm = text(from, "hash_algorithm");
  const signAlgorithm = SIGN_ALGORITHM.exec(text(from, "sign_algorithm"));
  if (DIGEST[hashAlgorithm] === undefined || signAlgorithm?.[2] !== hashAlgorithm.replace("-", "")) throw new BadEncoding("algorithms that do not agree");
  unb64u(from.activation_key, 32);
  return { ...readAsked(from), hash_algorithm: hashAlgorithm, sign_algorithm: signAlgorithm[0] };
}

function readMaximum(from: JsonObject): number {
  const maximum = whole(from, "maximum");
  if (maximum < 1 || maximum > MAX_SIGNATURES) throw new BadEncoding("impossibly many signatures");
  return maximum;
}

/** A session whose limits this app can show: within those of section 15, and not over before it is decided. */
function readSession(from: JsonObject): object {
  const [until, maximum] = [whole(from, "until"), readMaximum(from)];
  if (until < whole(from, "expires") || until > whole(from, "created") + LONGEST_SESSION) throw new BadEncoding("a session that ends too early or too late");
  const keys = list(from, "session_key", 5).map((key) => {
    if (typeof key !== "string" || !THUMBPRINT.test(key)) throw new BadEncoding("a key without a name");
    return key;
  });
  const request = readRequest(from);
  if (request.caller.kind === "computer" && keys.length !== 1) throw new BadEncoding("a computer without its key");
  return { type: "session", ...request, purpose: text(from, "purpose"), until, maximum, session_key: keys };
}

function readSign(from: JsonObject): object {
  const request = readRequest(from);
  const length = DIGEST[request.hash_algorithm] as number;
  const documents = list(from, "documents", MAX_FILES).map((file) => readFile(file, length));
  const scope = from.scope;
  if (scope !== "single" && scope !== "multi") throw new BadEncoding("a scope this app cannot show");
  const count = whole(from, "count");
  if (count !== documents.length || count < 1 || (scope === "single" && count !== 1)) throw new BadEncoding("a count that is not that of the documents");
  return { type: "sign", ...request, scope, count, documents };
}

function readFile(value: unknown, digest: number): SignedFile {
  const from = asObject(value);
  unb64u(from.hash, digest);
  return { label: text(from, "label"), size: from.size === null ? null : whole(from, "size"), hash: from.hash as string };
}

function readTerm(from: JsonObject): object {
  const term = asObject(from.term);
  const paragraphs = list(term, "paragraphs", 200).map((paragraph) => {
    if (typeof paragraph !== "string") throw new BadEncoding("a paragraph that is not text");
    return paragraph;
  });
  return {
    type: "emission-term",
    emission: text(from, "emission"),
    protocol: text(from, "protocol"),
    key: text(from, "key"),
    name: text(from, "name"),
    cpf: text(from, "cpf"),
    email: text(from, "email"),
    phone: text(from, "phone"),
    product: text(from, "product"),
    valid_days: whole(from, "valid_days"),
    term: { version: String(term.version), title: text(term, "title"), paragraphs },
  };
}

function common(from: JsonObject): Common {
  unb64u(from.nonce, 16);
  return { id: text(from, "id"), created: whole(from, "created"), expires: whole(from, "expires"), nonce: from.nonce as string };
}

const onDevice = (from: JsonObject) => ({ device: text(from, "device"), device_key: text(from, "device_key") });
const credential = (from: JsonObject) => ({ credential: text(from, "credential"), subject: text(from, "subject") });

function credentials(from: JsonObject): CredentialName[] {
  return list(from, "credentials", 1000).map((item) => ({ id: text(asObject(item), "id"), subject: text(asObject(item), "subject") }));
}

function computer(from: JsonObject): AssociateDocument["computer"] {
  const made = asObject(from.computer);
  return { id: text(made, "id"), name: text(made, "name"), os: text(made, "os"), key: text(made, "key"), address: text(made, "address") };
}

function waitingPhone(from: JsonObject): AdmitDocument["phone"] {
  const made = asObject(from.phone);
  return { device: text(made, "device"), nickname: text(made, "nickname"), key: text(made, "key"), since: whole(made, "since") };
}

function passkey(from: JsonObject): PasskeyDocument["passkey"] {
  const made = asObject(from.passkey);
  if (typeof made.id !== "string" || made.id.length > MAX_HANDLE) throw new BadEncoding("a passkey without an id");
  unb64u(made.id);
  return { id: made.id, key: text(made, "key") };
}

function text(from: JsonObject, key: string): string {
  const value = from[key];
  if (typeof value !== "string" || value.length > 1000) throw new BadEncoding(`${key} is not a text`);
  return value;
}

function whole(from: JsonObject, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new BadEncoding(`${key} is not a number`);
  return value;
}

function list(from: JsonObject, key: string, most: number): unknown[] {
  const value = from[key];
  if (!Array.isArray(value) || value.length > most) throw new BadEncoding(`${key} is not a list`);
  return value;
}
