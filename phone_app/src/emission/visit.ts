/**
 * One visit to the emission page (docs/protocol.md section 9.1), with a key of its own that lives as long as the page.
 *
 * The numbers are those of the table there: 1 start, 2 identify, 3 agree, 4 password. Each answer of the gateway is a statement
 * of the AC or the SAM, and each must speak of what this page asked for before anything is signed.
 */

import { ApiError, Gateway, Offline } from "../api";
import { decide, type Decision } from "../decision";
import type { EmissionIdentifyDocument, EmissionKeyDocument, EmissionTermDocument } from "../documents";
import { asObject, type Json, type JsonObject } from "../encoding";
import type { SigningKey } from "../keys";
import { proveStretched, stretchInWorker, type Stretch } from "../proof";
import { openStatement, type Statement } from "../statement";
import { Untrusted, type Trust } from "../trust";

export type Phase = "stretching" | "sending";
export type Term = Statement<EmissionTermDocument>;
export type KeyRequest = Statement<EmissionKeyDocument>;

export interface Certificate {
  subject: string;
  serial: string;
  valid_from: string;
  valid_to: string;
  issuer: string;
  pem: string;
}

/** How often the last step is sent again when its answer was lost; it has the same answer each time. */
const RETRIES_MS = [1_000, 3_000, 8_000];
/** The HSM may need seconds to make an RSA key. */
const LONG_MS = 90_000;

const now = (): number => Math.floor(Date.now() / 1000);

export class EmissionVisit {
  private identifying: Statement<EmissionIdentifyDocument> | undefined;

  constructor(
    readonly gateway: Gateway,
    private readonly trust: Trust,
    private readonly key: SigningKey,
    private readonly stretch: Stretch = stretchInWorker,
  ) {}

  /** Whether an emission for this protocol was begun and can still be answered, so that no new captcha is needed. */
  isBegun(protocol: string): boolean {
    return this.identifying !== undefined && this.identifying.document.protocol === protocol && this.identifying.expires > now() + 5;
  }

  /** Forgets what was begun: the next attempt starts with a new captcha. */
  forget(): void {
    this.identifying = undefined;
  }

  /** 1. Captcha and protocol number. A number that does not exist gets an answer of the same shape. */
  async start(protocol: string, captcha: string): Promise<void> {
    const answer = await this.gateway.call("POST", "/emission/v1/start", { protocol, captcha });
    const statement = await openStatement(answer.statement, ["emission-identify"], this.trust, now());
    this.demand(statement.document.protocol === protocol && statement.document.key === this.key.jkt && statement.document.id === answer.emission);
    this.identifying = statement;
  }

  /** 2. CPF and installation password, proved to the AC. The term to agree to. */
  async identify(cpf: string, password: string, tell: (phase: Phase) => void): Promise<Term> {
    const { document } = this.begun();
    const body = await this.approve(this.begun(), password, tell, { cpf });
    const answer = await this.gateway.call("POST", this.path("identify"), { ...body });
    const term = await openStatement(answer.statement, ["emission-term"], this.trust, now());
    const about = term.document;
    this.demand(about.emission === document.id && about.protocol === document.protocol && about.key === this.key.jkt && about.cpf.replace(/\D/g, "") === cpf);
    return term;
  }

  /** 3. *Concordar com o termo*. What the SAM wants the usage password for. */
  async agree(term: Term): Promise<KeyRequest> {
    const answer = await this.gateway.call("POST", this.path("agree"), { ...(await this.approve(term, null, () => undefined)) });
    const wanted = await openStatement(answer.statement, ["emission-key"], this.trust, now());
    this.demand(wanted.document.emission === this.begun().document.id && wanted.document.key === this.key.jkt);
    return wanted;
  }

  /** 4. *Cadastre a senha de USO*. Sent again, byte for byte, while answers get lost. */
  async setPassword(wanted: KeyRequest, password: string, tell: (phase: Phase) => void): Promise<Certificate> {
    const body = await this.approve(wanted, password, tell);
    tell("sending");
    for (let attempt = 0; ; attempt += 1) {
      try {
        return readCertificate(await this.gateway.call("POST", this.path("password"), { ...body }, LONG_MS));
      } catch (error) {
        const wait = RETRIES_MS[attempt];
        const passing = error instanceof Offline || (error instanceof ApiError && error.status >= 502);
        if (!passing || wait === undefined) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  private async approve(statement: Statement, password: string | null, tell: (phase: Phase) => void, more: JsonObject = {}): Promise<Decision> {
    let proof: string | null = null;
    if (statement.proof !== null) {
      if (password === null) throw new Error("a password is needed");
      tell("stretching");
      proof = await proveStretched(await this.stretch(password, statement.proof), statement, this.key.jkt, more);
    }
    tell("sending");
    return decide(statement.bytes, "approve", proof, this.key);
  }

  private begun(): Statement<EmissionIdentifyDocument> {
    if (this.identifying === undefined) throw new Error("nothing was begun");
    return this.identifying;
  }

  private path(step: string): string {
    return `/emission/v1/${encodeURIComponent(this.begun().document.id)}/${step}`;
  }

  private demand(holds: boolean): void {
    if (!holds) throw new Untrusted("a statement about another emission");
  }
}

function readCertificate(answer: JsonObject): Certificate {
  const from = asObject(answer.certificate);
  const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
  return {
    subject: text(from.subject),
    serial: text(from.serial),
    valid_from: text(from.valid_from),
    valid_to: text(from.valid_to),
    issuer: text(from.issuer),
    pem: text(from.pem),
  };
}
