/** A phone that waits before it may approve: what the phone in use says of it, its yes and its no; and what that phone itself says. */

import type { App } from "../app";
import { now, type Opened } from "../ceremony";
import { asObject, type Json } from "../encoding";
import { moment, t } from "../strings";
import { Untrusted } from "../trust";
import { foreign, h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, facts, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";
import type { Warning } from "../warnings";
import { showBlock } from "./block";
import { showEnding } from "./outcome";

/** The card on home. The gateway's word: nothing follows from it but two questions, which the SAM's own bytes answer. */
export function showNewPhone(app: App, warning: Warning): HTMLElement {
  const subject = app.profile.bound.find((one) => one.id === warning.credential)?.subject ?? "";
  const over = warning.until !== null && warning.until <= now();
  const element: HTMLElement = h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("phone"), over ? t.admission.overTitle : t.admission.title),
    h("p", { class: "warning-who" }, holder(subject)),
    h("p", {}, h("strong", {}, foreign(warning.phone ?? "", t.common.noName)), t.admission.what(moment(warning.since))),
    warning.until === null ? null : h("p", { class: "warning-end" }, over ? t.admission.over(moment(warning.until)) : t.admission.until(moment(warning.until))),
    over && h("p", {}, t.admission.overWhat),
    over || warning.device === null
      ? actions(button(t.warning.understood, "plain", () => void busy(element, () => app.warnings.dismiss(warning.id)), "check"), button(t.block.button, "quiet", () => showBlock(app), "lock"))
      : actions(button(t.admission.notMe, "danger", () => showQuestion(app, warning, "no"), "refuse"), button(t.admission.mine, "plain", () => showQuestion(app, warning, "yes"), "check")),
  );
  return element;
}

/** Yes or no, over the bytes that the SAM fixed about that very phone. */
function showQuestion(app: App, warning: Warning, answer: "yes" | "no"): void {
  const words = answer === "yes" ? { name: "admit", title: t.admission.yesTitle } : { name: "turn-away", title: t.admission.noTitle };
  const place = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ ...words, content: [place] });
  ask(app, warning).then(
    (statement) => place.replaceChildren(...question(app, statement, answer)),
    (error: unknown) => place.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

async function ask(app: App, warning: Warning): Promise<Opened<"admit">> {
  const path = `/phone/v1/devices/${encodeURIComponent(warning.device ?? "")}/admission`;
  const statement = await app.ceremony.open((await app.gateway.call("POST", path, { credential: warning.credential })).statement, ["admit"]);
  const { credential, phone } = statement.document;
  if (credential !== warning.credential || phone.device !== warning.device) throw new Untrusted("another phone or certificate than the one chosen");
  return statement;
}

function question(app: App, statement: Opened<"admit">, answer: "yes" | "no"): Node[] {
  const { phone, subject } = statement.document;
  const trouble = h("div", {});
  const content: HTMLElement = h("div", { class: "column" });
  const decide = async (): Promise<void> => {
    try {
      await app.ceremony.answer(statement, answer === "yes" ? "approve" : "refuse:not-me", null, () => undefined);
      app.refresh();
      if (answer === "yes") showEnding(app, { name: "admitted", title: t.admission.admitted, text: t.admission.admittedWhat });
      else showSentAway(app);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  content.append(
    lead(answer === "yes" ? t.admission.yesLead : t.admission.noLead),
    card(facts([t.admission.phone, foreign(phone.nickname, t.common.noName)], [t.admission.since, moment(phone.since)], [t.pairPassword.certificate, holder(subject)])),
    trouble,
    actions(
      answer === "yes" ? button(t.admission.yes, "primary", () => busy(content, decide)) : button(t.admission.no, "danger", () => busy(content, decide)),
      button(t.common.cancel, "plain", () => app.home()),
    ),
  );
  return [content];
}

function showSentAway(app: App): void {
  showEnding(app, {
    name: "sent-away",
    title: t.admission.sentAway,
    text: t.admission.sentAwayWhat,
    symbol: "refuse",
    tone: "calm",
    more: [h("ol", { class: "numbered" }, ...t.admission.next.map((step) => h("li", {}, step))), actions(button(t.block.button, "danger", () => showBlock(app), "lock"))],
  });
}

/** Of the answer about this phone: when it may approve, for each certificate for which it waits. */
export interface Held {
  subject: string;
  until: string;
}

export function readHeld(bindings: Json | undefined): Held[] {
  if (!Array.isArray(bindings)) return [];
  return bindings.slice(0, 200).flatMap((binding) => {
    const one = asObject(binding);
    if (one.state !== "waiting" || typeof one.until !== "string") return [];
    return [{ subject: typeof one.subject === "string" ? one.subject : "", until: one.until }];
  });
}

/** What stands on home of the phone that waits. */
export function heldCard(one: Held): HTMLElement {
  return h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("clock"), t.admission.heldTitle),
    h("p", { class: "warning-who" }, holder(one.subject)),
    h("p", { class: "warning-end" }, t.admission.held(moment(Date.parse(one.until) / 1000))),
    h("p", {}, t.admission.heldSooner),
  );
}
