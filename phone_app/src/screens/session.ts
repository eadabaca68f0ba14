/**
 * The approval of a session: who may have how many signatures, until when, and what they say it is for.
 *
 * The documents are not known yet; so the limits are large on the screen, and a caller without a key asks for an express yes.
 */

import type { App } from "../app";
import type { Opened } from "../ceremony";
import { yesTo } from "../decision";
import type { ConsentDocument, SessionDocument } from "../documents";
import { moment, span, t } from "../strings";
import { foreign, h } from "../ui/dom";
import { card, facts, notice, tick, type Gate } from "../ui/parts";
import { showRequest } from "./approval";

export function showSession(app: App, statement: Opened<"session">): void {
  const document = statement.document;
  const consent = yesTo(document) === "approve:without-key" ? withoutKey() : undefined;
  showRequest(app, statement, {
    title: t.session.title,
    about: [limits(document), notice("warning", t.session.unseen)],
    ...(consent === undefined ? {} : { consent }),
    fixed: t.session.fixed,
    technical: document.session_key.map((key) => [t.session.key, h("code", {}, foreign(key))]),
    approved: { title: t.session.approved, text: t.session.approvedWhat },
    back: () => showSession(app, statement),
  });
}

/** How many, until when, what for. */
export function limits(document: SessionDocument | ConsentDocument): HTMLElement {
  return card(
    h("h2", {}, t.session.allows),
    facts(
      [t.session.howMany, h("strong", {}, t.session.upTo(document.maximum))],
      [t.session.until, h("strong", {}, `${moment(document.until)} (${span(document.until - Date.now() / 1000)})`)],
      [t.session.purpose, foreign(document.purpose, t.session.noPurpose)],
    ),
  );
}

function withoutKey(): Gate {
  return tick(t.session.withoutKey, t.session.withoutKeyTick, t.session.withoutKeyMissing);
}
