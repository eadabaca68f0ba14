/** A computer asks to be associated; a system asks who you are. No password: nothing is signed by it, and it can be undone. */

import { ApiError } from "../api";
import type { App } from "../app";
import type { Opened } from "../ceremony";
import type { CredentialName } from "../documents";
import { t } from "../strings";
import { foreign, h, holder } from "../ui/dom";
import { actions, busy, button, card, countdown, facts, field, form, lead, notice, progress, submitButton, type Field } from "../ui/parts";
import { problemText } from "../ui/problem";
import { isOver, showCheckCode, showEnding, showOver, showRefusal } from "./outcome";

export function showAssociation(app: App, statement: Opened<"associate">): void {
  const { computer, credentials } = statement.document;
  showConsent(app, statement, {
    name: "association",
    title: t.association.title,
    lead: t.association.lead,
    facts: [
      [t.association.name, h("strong", {}, foreign(computer.name, t.common.noName))],
      [t.association.system, foreign(computer.os)],
      [t.association.address, foreign(computer.address)],
      [t.association.certificates, subjects(credentials)],
    ],
    warning: t.association.warning,
    approve: t.association.approve,
    caller: computer.id,
    done: (code) =>
      code === null
        ? showEnding(app, { name: "approved", title: t.history.approved, text: t.approval.approvedWhat })
        : showCheckCode(app, t.association.checkTitle, t.association.checkLead(shorten(computer.name)), code, t.association.checkWarning),
  });
}

export function showIdentification(app: App, statement: Opened<"identify">): void {
  const { integrator, scope, address, credentials, id } = statement.document;
  const digits = app.inbox.digits(id);
  showConsent(app, statement, {
    name: "identification",
    title: t.identification.title,
    lead: digits === null ? t.identification.lead : t.identification.numberLead(shorten(integrator.name)),
    digits,
    facts: [
      [t.identification.integrator, h("strong", {}, foreign(integrator.name, t.common.noName))],
      [t.identification.scope, scopes(scope)],
      [t.identification.address, foreign(address)],
      [t.identification.certificates, subjects(credentials)],
    ],
    warning: digits === null ? t.identification.warning : t.identification.numberWarning,
    approve: t.identification.approve,
    caller: integrator.id,
    done: (code) =>
      code === null
        ? showEnding(app, { name: "approved", title: t.identification.approved, text: t.identification.approvedWhat })
        : showCheckCode(app, t.identification.approved, t.identification.checkLead(shorten(integrator.name)), code, t.association.checkWarning),
  });
}

interface Consent {
  name: string;
  title: string;
  lead: string;
  facts: [string, Node | string][];
  /** How many digits the asking application shows, to be typed here before the yes. */
  digits?: number | null;
  warning: string;
  approve: string;
  /** Who may ask from now on. */
  caller: string;
  done: (checkCode: string | null) => void;
}

function showConsent(app: App, statement: Opened<"associate" | "identify">, consent: Consent): void {
  const trouble = h("div", {});
  const doing = progress();
  const shown = consent.digits ? numberField(consent.digits) : null;
  const left = countdown(statement.document.created, statement.expires, () => showOver(app, t.problems.expired));
  const approve = async (): Promise<void> => {
    trouble.replaceChildren();
    const number = shown === null ? null : shown.value();
    if (shown !== null && number === null) return;
    doing.say(t.password.sending);
    try {
      const outcome = await app.ceremony.answer(statement, "approve", null, () => undefined, number);
      left.stop();
      app.remember(statement, true);
      // Known from now on, where a code goes from one screen to the other; not who rang and showed nothing.
      if (outcome.checkCode !== null || number !== null) await app.learnCaller(consent.caller, statement.document.credentials.map((one) => one.id));
      consent.done(outcome.checkCode);
    } catch (error) {
      if (shown !== null && error instanceof ApiError && error.code === "shown_number_wrong") {
        shown.input.value = "";
        shown.complain(problemText(error));
      } else if (isOver(error)) {
        app.inbox.drop(statement.document.id);
        showOver(app, problemText(error, app.gateway));
      } else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  const again = (): void => showConsent(app, statement, consent);
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    left.element,
    lead(consent.lead),
    card(facts(...consent.facts)),
    notice("warning", consent.warning),
    trouble,
    ...(shown === null
      ? [
          doing.element,
          actions(
            button(consent.approve, "primary", () => busy(content, approve), "check"),
            button(t.approval.refuse, "danger", () => showRefusal(app, statement, again)),
          ),
        ]
      : [form(approve, shown.element, doing.element, actions(submitButton(consent.approve), button(t.approval.refuse, "danger", () => showRefusal(app, statement, again))))]),
  );
  app.visit({ name: consent.name, title: consent.title, leave: () => left.stop(), content: [content] });
}

interface NumberField extends Field {
  /** The digits, or null after complaining. */
  value(): string | null;
}

/** What the asking application shows on its page. */
function numberField(digits: number): NumberField {
  const made = field(t.identification.number, {
    hint: t.identification.numberHint(digits),
    attributes: { inputmode: "numeric", autocomplete: "off", maxlength: 2 * digits, class: "code-input" },
  });
  return {
    ...made,
    value() {
      const typed = made.input.value.replace(/\s/g, "");
      if (typed.length === digits && /^[0-9]+$/.test(typed)) return typed;
      made.complain(t.identification.numberInvalid(digits));
      return null;
    },
  };
}

function subjects(credentials: CredentialName[]): HTMLElement {
  return h("ul", { class: "plain-list" }, ...credentials.map((one) => h("li", {}, holder(one.subject))));
}

function scopes(scope: string): HTMLElement {
  const words = scope.split(/\s+/).filter(Boolean);
  return h("ul", { class: "plain-list" }, ...words.map((word) => h("li", {}, t.identification.scopes[word] ?? foreign(word))));
}

/** A name inside a sentence of ours: without marks that hide or reorder, and short. */
function shorten(name: string): string {
  const clean = foreign(name).textContent ?? "";
  return clean.length > 40 ? `${clean.slice(0, 39)}…` : clean;
}

