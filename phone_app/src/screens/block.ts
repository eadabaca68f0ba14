/** "Bloquear tudo": nothing is signed any more, at once; and the way back, on this phone, later, with the password. */

import { ApiError } from "../api";
import type { App } from "../app";
import { now, type Opened } from "../ceremony";
import { asObject, type Json, type JsonObject } from "../encoding";
import { moment, t } from "../strings";
import { Untrusted } from "../trust";
import { h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, facts, form, lead, notice, passwordField, progress, submitButton } from "../ui/parts";
import { isLocked, keepsPassword, problemText } from "../ui/problem";
import { showEnding } from "./outcome";

/** A block that stands, as the gateway tells it; times in seconds since 1970. Whether it stands is the SAM's to judge. */
export interface Block {
  since: number;
  /** This phone made it, and alone may undo it. */
  here: boolean;
  /** From when on; null: not on this phone. */
  from: number | null;
}

export interface BlockedCertificate extends Block {
  credential: string;
  subject: string;
}

export function readBlock(value: Json | undefined): Block | null {
  if (value === null || value === undefined || typeof value !== "object" || Array.isArray(value)) return null;
  const one: JsonObject = asObject(value);
  const since = seconds(one.since);
  return since === null ? null : { since, here: one.here === true, from: seconds(one.from) };
}

/** Of the answer about this phone: its certificates that are blocked. */
export function readBlocked(bindings: Json | undefined): BlockedCertificate[] {
  if (!Array.isArray(bindings)) return [];
  return bindings.slice(0, 200).flatMap((binding) => {
    const one = asObject(binding);
    const block = readBlock(one.blocked);
    if (block === null || typeof one.credential !== "string") return [];
    return [{ ...block, credential: one.credential, subject: typeof one.subject === "string" ? one.subject : "" }];
  });
}

function seconds(value: Json | undefined): number | null {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time / 1000;
}

/** One press and one question: it takes rights away only, so nothing is asked but whether it was meant. */
export function showBlock(app: App): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(t.block.lead),
    card(h("ul", { class: "points" }, ...t.block.points.map((point) => h("li", {}, icon("check"), h("span", {}, point))))),
    notice("info", t.block.undo),
    trouble,
    actions(
      button(t.block.now, "danger", () => busy(content, block), "lock"),
      button(t.common.cancel, "plain", () => app.home()),
    ),
  );
  const block = async (): Promise<void> => {
    try {
      const answer = await app.gateway.call("POST", "/phone/v1/block", {});
      app.refresh();
      showBlocked(app, Array.isArray(answer.blocked) ? answer.blocked.map(readBlock) : []);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "block", title: t.block.title, content: [content] });
}

function showBlocked(app: App, blocks: (Block | null)[]): void {
  const block = blocks.find((one) => one !== null);
  showEnding(app, {
    name: "blocked",
    title: t.block.done,
    text: t.block.doneWhat,
    symbol: "lock",
    tone: "calm",
    more: [...(block ? [notice("info", wayBack(block))] : []), h("p", {}, t.block.lost)],
  });
}

/** What stands on home while a certificate is blocked. */
export function blockedCard(app: App, one: BlockedCertificate): HTMLElement {
  const ready = one.here && one.from !== null && one.from <= now();
  return h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("lock"), t.block.standing),
    h("p", { class: "warning-who" }, holder(one.subject)),
    h("p", {}, one.here ? t.block.standingHere(moment(one.since)) : t.block.standingSince(moment(one.since))),
    ready ? actions(button(t.block.unblock, "plain", () => showUnblock(app, one))) : h("p", { class: "warning-end" }, wayBack(one)),
  );
}

function wayBack(block: Block): string {
  if (!block.here || block.from === null) return t.block.elsewhere;
  return block.from <= now() ? t.block.ready : t.block.waitUntil(moment(block.from));
}

function showUnblock(app: App, one: BlockedCertificate): void {
  const place = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ name: "unblock", title: t.block.unblockTitle, content: [place] });
  ask(app, one).then(
    (statement) => place.replaceChildren(...confirming(app, statement)),
    (error: unknown) => place.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

async function ask(app: App, one: BlockedCertificate): Promise<Opened<"unblock">> {
  const answer = await app.gateway.call("POST", "/phone/v1/unblock", { credential: one.credential });
  const statement = await app.ceremony.open(answer.statement, ["unblock"]);
  if (statement.document.credential !== one.credential) throw new Untrusted("another certificate than the one chosen");
  return statement;
}

function confirming(app: App, statement: Opened<"unblock">): Node[] {
  const password = passwordField();
  const guessed = app.triesWarning(statement.document.credential);
  const trouble = h("div", {}, guessed === null ? null : notice("warning", guessed));
  const doing = progress();
  const approve = async (): Promise<void> => {
    const typed = password.value();
    if (typed === null) return;
    trouble.replaceChildren();
    try {
      await app.ceremony.answer(statement, "approve", typed, (stage) => doing.say(t.password[stage]));
      showEnding(app, { name: "unblocked", title: t.block.unblocked, text: t.block.unblockedWhat });
    } catch (error) {
      if (!keepsPassword(error)) password.clear();
      if (isLocked(error)) entry.replaceChildren(notice("danger", problemText(error), true));
      else if (error instanceof ApiError && error.code === "password_wrong") password.complain(problemText(error));
      else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  const entry: HTMLElement = form(approve, password.element, doing.element, actions(submitButton(t.block.unblock), button(t.common.cancel, "plain", () => app.home())));
  return [
    lead(t.block.unblockLead),
    card(facts([t.pairPassword.certificate, holder(statement.document.subject)], [t.block.blockedSince, moment(statement.document.blocked)])),
    trouble,
    entry,
  ];
}
