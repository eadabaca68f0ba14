/** Reading what a computer or a page shows: by camera inside the app only, or typed by hand. */

import { ApiError, Offline } from "../api";
import type { App } from "../app";
import { now, type Opened } from "../ceremony";
import { NoCamera, Scanner } from "../scanner";
import { t } from "../strings";
import { Untrusted } from "../trust";
import { h } from "../ui/dom";
import { actions, button, field, form, lead, notice, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { showApproval } from "./approval";
import { showAssociation, showIdentification } from "./consent";
import { showConsenting } from "./consenting";
import { isOver, showOver } from "./outcome";
import { showSession } from "./session";

/** Of the number beside a code that an application draws (docs/protocol.md section 9.3). */
const SHOWN_DIGITS = 4;

export function showScan(app: App): void {
  const video = h("video", { class: "camera", playsinline: true, muted: true, "aria-hidden": "true" });
  video.muted = true;
  const finder = h("div", { class: "viewfinder" }, video, h("span", { class: "viewfinder-frame", "aria-hidden": "true" }));
  const status = h("p", { class: "scan-status", role: "status" }, t.scan.starting);
  const trouble = h("div", {});
  const scanner = new Scanner(video);
  const reading = new Reading(app, (text) => (status.textContent = text));
  app.visit({
    name: "scan",
    title: t.scan.title,
    leave: () => {
      reading.stop();
      scanner.close();
    },
    content: [
      lead(t.scan.lead),
      finder,
      status,
      trouble,
      actions(button(t.scan.byHand, "plain", () => showByHand(app), "keyboard")),
    ],
  });
  scanner.start((text) => void reading.found(text)).then(
    () => (status.textContent = t.scan.reading),
    (error: unknown) => {
      status.textContent = "";
      finder.hidden = true;
      const why = error instanceof NoCamera ? t.scan[error.reason] : t.scan.absent;
      trouble.replaceChildren(notice("warning", why, true));
    },
  );
}

/** From a text read to the screen it leads to. Frames that were too old are read again by themselves. */
class Reading {
  private stopped = false;
  private busy = false;
  private last = "";

  constructor(
    private readonly app: App,
    private readonly say: (text: string) => void,
  ) {}

  stop(): void {
    this.stopped = true;
  }

  async found(text: string): Promise<void> {
    if (this.stopped || this.busy || text === this.last) return;
    this.last = text;
    if (!isOurs(text, location.origin)) return this.say(t.scan.notOurs);
    this.busy = true;
    this.say(t.scan.found);
    try {
      const statement = await ask(this.app, text);
      if (!this.stopped) showFound(this.app, statement);
    } catch (error) {
      if (this.stopped) return;
      const words = problemText(error, this.app.gateway);
      const again = error instanceof Offline || (error instanceof ApiError && !isOver(error));
      if (!again) return showOver(this.app, words); // reading the same thing again cannot help
      if (error instanceof Offline) this.last = "";
      this.say(words);
    } finally {
      this.busy = false;
    }
  }
}

/** A frame of a link or the QR of a request, made for this very app. Others never reach the gateway. */
export function isOurs(text: string, origin: string): boolean {
  return text.length < 300 && (text.startsWith(`${origin}/l#`) || text.startsWith(`${origin}/r#`));
}

/**
 * What the text leads to, whatever the gateway answers: a request's QR opens that request and no other; a frame to which a
 * computer added its key leads to that computer and no other. Throws Untrusted.
 */
async function ask(app: App, text: string): Promise<Opened<"associate" | "identify" | "sign" | "session" | "consent">> {
  const request = requestIn(text, location.origin);
  if (request === null) await app.save({ scan: { at: now(), key: keyIn(text, location.origin) } });
  const answer = await app.gateway.call("POST", "/phone/v1/scan", { text });
  if (request === null) {
    const still = isStill(text, location.origin);
    const statement = await app.ceremony.open(answer.statement, still ? ["identify"] : ["associate", "identify"]);
    // A code that stays the same is worth nothing without the number beside it, whatever the gateway says.
    app.inbox.remember(statement.document.id, still ? { shown_number: SHOWN_DIGITS } : answer);
    if (!app.hasScanned(statement.document)) throw new Untrusted("another computer than the one scanned");
    return statement;
  }
  const statement = await app.ceremony.open(answer.statement, ["sign", "session", "consent"]);
  if (statement.document.id !== request) throw new Untrusted("another request than the one scanned");
  app.seen.add(request);
  return statement;
}

/** A code that an application draws on a page of its own, and that stays the same while it lives. */
export function isStill(text: string, origin: string): boolean {
  const trimmed = text.trim();
  return trimmed.startsWith(`${origin}/l#2.`) && /^[\w-]{22}\.[\w-]{22}$/.test(trimmed.slice(`${origin}/l#2.`.length));
}

/** The request that a QR names, or null for frames of a link and codes typed by hand. */
export function requestIn(text: string, origin: string): string | null {
  const before = `${origin}/r#1.`;
  const trimmed = text.trim();
  return trimmed.startsWith(before) ? trimmed.slice(before.length) : null;
}

/** The thumbprint of the key that a computer added to its frame; null for an authorize page's, and for codes typed by hand. */
export function keyIn(text: string, origin: string): string | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith(`${origin}/l#`) || isStill(trimmed, origin)) return null;
  // The gateway's three parts are shorter than a thumbprint: leaving one out does not hide the key behind it.
  const frame = /^1\.[\w-]{1,42}\.\d{1,5}\.[\w-]{1,42}(?:\.([\w-]{43}))?$/.exec(trimmed.slice(`${origin}/l#`.length));
  if (frame === null) throw new Untrusted("not a frame of ours");
  return frame[1] ?? null;
}

export function showFound(app: App, statement: Opened): void {
  const type = statement.document.type;
  if (type === "sign") showApproval(app, statement as Opened<"sign">);
  else if (type === "session") showSession(app, statement as Opened<"session">);
  else if (type === "consent") showConsenting(app, statement as Opened<"consent">);
  else if (type === "associate") showAssociation(app, statement as Opened<"associate">);
  else if (type === "identify") showIdentification(app, statement as Opened<"identify">);
}

export function showByHand(app: App): void {
  const code = field(t.byHand.label, {
    hint: t.byHand.hint,
    attributes: { autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 16, class: "code-input", "data-focus": true },
  });
  const trouble = h("div", {});
  const submit = async (): Promise<void> => {
    const typed = normaliseCode(code.input.value);
    if (typed === null) return code.complain(t.byHand.invalid);
    trouble.replaceChildren();
    try {
      showFound(app, await ask(app, typed));
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({
    name: "by-hand",
    title: t.byHand.title,
    content: [lead(t.byHand.lead), trouble, form(submit, code.element, actions(submitButton(t.common.confirm)))],
  });
}

/** `XXXXX-XXXXX` in Crockford's alphabet, forgiving what people misread; null if it cannot be one. */
export function normaliseCode(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  return /^[0-9A-HJKMNP-TV-Z]{10}$/.test(letters) ? `${letters.slice(0, 5)}-${letters.slice(5)}` : null;
}
