/** What every screen can reach: who we are, whom we believe, how to call, where to go. One object, made once, at the start. */

import { Gateway } from "./api";
import { asObject, type Json } from "./encoding";
import { t } from "./strings";
import { Ceremony, now, type Opened, type PhoneType } from "./ceremony";
import { isRequest, type PhoneDocument, type RequestDocument } from "./documents";
import { isKnown, withCaller, withoutCaller } from "./callers";
import type { SigningKey } from "./keys";
import type { Keystore, Profile } from "./keystore";
import { Live, type LiveState } from "./live";
import { Inbox } from "./inbox";
import type { Trust } from "./trust";
import { Warnings } from "./warnings";
import type { Screen, Shell } from "./ui/shell";

/** How long a link lives, and so what a scan leads to (docs/protocol.md section 9.3). */
const LINK_SECONDS = 300;

/** One decision of this session, for the history on the home screen. */
export interface Decided {
  document: PhoneDocument;
  approved: boolean;
  at: number;
}

export class App {
  readonly gateway: Gateway;
  readonly ceremony: Ceremony;
  readonly live: Live;
  readonly inbox: Inbox;
  readonly warnings: Warnings;
  readonly history: Decided[] = [];
  /** Requests whose own QR this phone read: their holder is in front of the screen that asks. */
  readonly seen = new Set<string>();
  /** Tries of the usage password before the next lock, by certificate, as last heard. */
  private readonly tries = new Map<string, number>();
  liveState: LiveState = "closed";
  /** Called when the live channel's state changes; the home screen sets it. */
  onLiveState: () => void = () => undefined;
  private depth = 0;
  private goHome: () => void = () => undefined;

  constructor(
    readonly shell: Shell,
    readonly trust: Trust,
    readonly keystore: Keystore,
    readonly key: SigningKey,
    public profile: Profile,
  ) {
    this.gateway = new Gateway(trust.gateway, key, () => this.profile.token);
    this.ceremony = new Ceremony(this.gateway, trust, key, () => this.profile, undefined, undefined, (passkey) => void this.save({ passkey }));
    this.inbox = new Inbox(this.gateway, this.ceremony, (document) => this.hasScanned(document));
    this.warnings = new Warnings(this.gateway, (credential) => this.profile.bound.some((one) => one.id === credential));
    this.live = new Live(this.gateway, () => this.refresh(), (state) => {
      this.liveState = state;
      this.onLiveState();
    });
  }

  /** Asks what waits, and what there is to tell. */
  refresh(): void {
    void this.inbox.refresh();
    void this.warnings.refresh();
  }

  get isPaired(): boolean {
    return this.profile.token !== undefined && this.profile.step === undefined;
  }

  /**
   * Whether this phone lately read a link's code that may lead to this document: the gateway cannot send one unasked, nor
   * put another computer in the place of one that showed its own key.
   */
  hasScanned(document: PhoneDocument): boolean {
    const scan = this.profile.scan;
    if (scan === undefined || Math.abs(now() - scan.at) > LINK_SECONDS) return false;
    return scan.key === null || (document.type === "associate" && document.computer.key === scan.key);
  }

  async save(change: Partial<Profile>): Promise<void> {
    this.profile = { ...this.profile, ...change };
    await this.keystore.saveProfile(this.profile);
  }

  /** The pairing goes no further, or is over. */
  async endStep(): Promise<void> {
    const { step: _, ...rest } = this.profile;
    this.profile = rest;
    await this.keystore.saveProfile(rest);
  }

  /** Nothing of this phone's pairing is kept; a new key is made at the next start. */
  async forget(): Promise<void> {
    this.live.stop();
    await this.keystore.clear();
    location.assign("/");
  }

  /** Shows a screen that belongs to the path people are on. */
  show(screen: Screen): void {
    this.shell.show(screen);
  }

  /** Shows a screen one step away from home: the phone's own back button leads home from it. */
  visit(screen: Screen): void {
    if (this.depth === 0) {
      history.pushState({ depth: 1 }, "");
      this.depth = 1;
    }
    this.shell.show({ back: () => this.home(), ...screen });
  }

  home(): void {
    if (this.depth > 0) {
      this.depth = 0;
      history.back(); // popstate shows home
    } else this.goHome();
  }

  /** `show` draws the first screen there is for who we are now. */
  setHome(show: () => void): void {
    this.goHome = show;
    window.addEventListener("popstate", () => {
      this.depth = 0;
      show();
    });
  }

  /** Of the gateway's answer about this phone. */
  learnTries(bindings: Json | undefined): void {
    for (const one of Array.isArray(bindings) ? bindings.slice(0, 200) : []) {
      const { credential, tries_left } = asObject(one);
      if (typeof credential === "string" && Number.isSafeInteger(tries_left)) this.tries.set(credential, tries_left as number);
    }
  }

  /** Whether the request comes from where its holder said yes before, or is looking right now; else its code is typed. */
  knows(document: RequestDocument): boolean {
    return this.seen.has(document.id) || isKnown(this.profile.callers, document);
  }

  /** The holder took a code from one screen to the other: a caller's, or a computer's that will ask. */
  async learnCaller(caller: string, credentials: readonly string[]): Promise<void> {
    await this.save({ callers: withCaller(this.profile.callers, caller, credentials) });
  }

  async forgetCaller(caller: string): Promise<void> {
    await this.save({ callers: withoutCaller(this.profile.callers, caller) });
  }

  /** What the holder calls this computer, or null. */
  petname(computer: string): string | null {
    const names = this.profile.petnames ?? {};
    return Object.hasOwn(names, computer) ? (names[computer] as string) : null;
  }

  async callComputer(computer: string, petname: string): Promise<void> {
    const { [computer]: _, ...others } = this.profile.petnames ?? {};
    await this.save({ petnames: petname === "" ? others : { ...others, [computer]: petname } });
  }

  /** A sentence for beside the password, when somebody has guessed lately; null when nothing is to be said. */
  triesWarning(credential: string): string | null {
    const left = this.tries.get(credential);
    return left === undefined || left < 1 || left > 2 ? null : t.password.left(left);
  }

  remember(statement: Opened<PhoneType>, approved: boolean): void {
    this.history.unshift({ document: statement.document, approved, at: Date.now() });
    this.inbox.drop(statement.document.id);
    if (approved && isRequest(statement.document)) this.tries.delete(statement.document.credential); // a right password forgives
  }
}
