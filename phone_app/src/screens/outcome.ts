/** What came of a decision, and the asking why of a refusal. */

import { ApiError } from "../api";
import type { App } from "../app";
import type { Opened } from "../ceremony";
import type { Refusal } from "../decision";
import { isRequest } from "../documents";
import { t } from "../strings";
import { h } from "../ui/dom";
import { icon, type IconName } from "../ui/icons";
import { actions, bigCode, busy, button, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";
import { showBlock } from "./block";
import { showComputers } from "./computers";

interface Ending {
  name: string;
  title: string;
  text: string;
  symbol?: IconName;
  tone?: "good" | "calm";
  more?: HTMLElement[];
}

export function showEnding(app: App, ending: Ending): void {
  app.visit({
    name: ending.name,
    title: ending.title,
    content: [
      h("div", { class: `picture ${ending.tone ?? "good"}` }, icon(ending.symbol ?? "check")),
      lead(ending.text),
      ...(ending.more ?? []),
      actions(button(t.common.done, "primary", () => app.home())),
    ],
  });
}

/** The code that ends an association or an identification at the other side. */
export function showCheckCode(app: App, title: string, text: string, code: string, warning: string | null): void {
  app.visit({
    name: "check-code",
    title,
    content: [
      lead(text),
      bigCode(t.association.checkTitle, code),
      ...(warning === null ? [] : [notice("warning", warning)]),
      actions(button(t.common.done, "primary", () => app.home())),
    ],
  });
}

/** A decision that can no longer be made: late, made elsewhere, withdrawn. */
export function showOver(app: App, text: string): void {
  showEnding(app, { name: "over", title: t.problems.title, text, symbol: "clock", tone: "calm" });
}

const REASONS: readonly Refusal[] = ["changed-mind", "wrong-content", "not-me"];
const SYMBOLS: Record<Refusal, IconName> = { "changed-mind": "history", "wrong-content": "document", "not-me": "refuse" };

/** Asks why, and refuses. `back` shows what was being decided again. */
export function showRefusal(app: App, statement: Opened, back: () => void): void {
  const trouble = h("div", {});
  const refuse = async (reason: Refusal): Promise<void> => {
    trouble.replaceChildren();
    try {
      await app.ceremony.answer(statement, `refuse:${reason}`, null, () => undefined);
      app.remember(statement, false);
      if (reason === "not-me" && isRequest(statement.document)) await app.forgetCaller(statement.document.caller.id);
      showRefused(app, reason);
    } catch (error) {
      if (isOver(error)) {
        app.inbox.drop(statement.document.id);
        return showOver(app, problemText(error, app.gateway));
      }
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(t.refusal.lead),
    trouble,
    h(
      "div",
      { class: "rows" },
      ...REASONS.map((reason) => {
        const words = t.refusal.reasons[reason];
        return h(
          "button",
          { type: "button", class: `row ${reason}`, onclick: () => void busy(content, () => refuse(reason)) },
          h("span", { class: "row-symbol" }, icon(SYMBOLS[reason])),
          h("span", { class: "row-text" }, h("span", { class: "row-title" }, words.title), h("span", { class: "row-below" }, words.what)),
        );
      }),
    ),
  );
  app.visit({ name: "refusal", title: t.refusal.title, back, content: [content] });
}

function showRefused(app: App, reason: Refusal): void {
  const notMe = reason === "not-me";
  showEnding(app, {
    name: "refused",
    title: t.refusal.refused,
    text: notMe ? t.refusal.notMeWhat : t.refusal.refusedWhat,
    symbol: "refuse",
    tone: "calm",
    more: notMe
      ? [
          notice("info", t.refusal.notMeUndo),
          actions(button(t.refusal.seeComputers, "plain", () => showComputers(app)), button(t.block.button, "quiet", () => showBlock(app), "lock")),
        ]
      : [],
  });
}

const OVER: readonly string[] = ["document_expired", "document_decided", "document_not_found", "not_found", "not_for_you", "link_taken", "link_over", "link_not_found", "shown_number_spent"];

/** The answer says that there is nothing left to decide. */
export function isOver(error: unknown): boolean {
  return error instanceof ApiError && OVER.includes(error.code);
}
