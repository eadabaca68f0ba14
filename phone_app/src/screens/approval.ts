/**
 * The approval of a request: what the signed bytes say, the password, yes or no. Of a session: `session.ts`.
 *
 * Everything shown here comes from `statement.document`, which was read from the bytes that the decision signs (step 6).
 */

import { ApiError } from "../api";
import type { App } from "../app";
import type { Opened } from "../ceremony";
import { yesTo } from "../decision";
import type { RequestDocument, SignDocument } from "../documents";
import { digest, shortDigest, size, t } from "../strings";
import { foreign, h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, bigCode, button, card, countdown, facts, form, notice, passwordField, progress, submitButton, type Gate } from "../ui/parts";
import { isLocked, keepsPassword, problemText } from "../ui/problem";
import { newCallerNotice, typedCode } from "./newcaller";
import { isOver, showEnding, showOver, showRefusal } from "./outcome";

export function showApproval(app: App, statement: Opened<"sign">): void {
  const document = statement.document;
  showRequest(app, statement, {
    title: t.approval.title,
    about: [files(document)],
    fixed: t.approval.fixed,
    technical: document.documents.map((file) => [t.approval.hash, h("code", {}, digest(file.hash))]),
    approved: { title: t.approval.approved, text: t.approval.approvedWhat },
    back: () => showApproval(app, statement),
  });
}

/** What is different from one kind of request to the other. */
interface RequestScreen {
  title: string;
  /** Below who asks: what is asked. */
  about: Node[];
  /** Beside the password: what must be understood, and done, before it counts. */
  consent?: Gate;
  /** What is sure about what stands here. */
  fixed: string;
  technical: [string, Node | string][];
  approved: { title: string; text: string };
  back: () => void;
}

/** A request and its decision: code, who asks, what, the password, yes or no. */
export function showRequest(app: App, statement: Opened<"sign" | "session" | "consent">, screen: RequestScreen): void {
  const document = statement.document;
  const password = passwordField();
  const guessed = app.triesWarning(document.credential);
  const trouble = h("div", {}, guessed === null ? null : notice("warning", guessed));
  const doing = progress();
  const left = countdown(document.created, statement.expires, () => {
    app.inbox.drop(document.id);
    showOver(app, t.problems.expired);
  });
  const approve = async (): Promise<void> => {
    if (screen.consent && !screen.consent.given()) return;
    if (code !== null && !code.given()) return;
    const typed = password.value();
    if (typed === null) return;
    trouble.replaceChildren();
    try {
      await app.ceremony.answer(statement, yesTo(document), typed, (stage) => doing.say(t.password[stage]));
      left.stop();
      app.remember(statement, true);
      await app.learnCaller(document.caller.id, [document.credential]);
      showEnding(app, { name: "approved", ...screen.approved });
    } catch (error) {
      if (!keepsPassword(error)) password.clear();
      if (isLocked(error)) {
        onlyNo(problemText(error)); // no further password can be right
        void app.warnings.refresh();
      } else if (error instanceof ApiError && error.code === "password_wrong") password.complain(problemText(error));
      else if (isOver(error)) {
        app.inbox.drop(document.id);
        showOver(app, problemText(error, app.gateway));
      } else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  const refuse = button(t.approval.refuse, "danger", () => showRefusal(app, statement, screen.back));
  const code = app.knows(document) ? null : typedCode(document, () => onlyNo(t.newCaller.spent));
  const entry: HTMLElement = form(approve, screen.consent?.element ?? null, code?.element ?? null, password.element, doing.element, actions(submitButton(t.approval.approve), refuse));
  /** No yes is possible any more: the fields go, and what is left to do is to refuse. */
  const onlyNo = (why: string): void => {
    trouble.replaceChildren(notice("danger", why, true));
    entry.replaceChildren(actions(refuse));
  };
  app.visit({
    name: "approval",
    title: screen.title,
    wide: true,
    leave: () => left.stop(),
    content: [
      left.element,
      h(
        "div",
        { class: "two" },
        h(
          "div",
          { class: "column" },
          code === null ? card(bigCode(t.approval.code, document.verification_code), h("p", { class: "hint" }, t.approval.codeWhat)) : newCallerNotice(),
          whoAsks(app, document),
          ...screen.about,
        ),
        h(
          "div",
          { class: "column" },
          card(
            facts([t.approval.certificate, holder(document.subject)]),
            trouble,
            entry,
          ),
          h("p", { class: "fixed-note" }, icon("lock"), screen.fixed),
          technical(document, screen.technical),
        ),
      ),
    ],
  });
}

/** Who that is, by the holder's own word for it where there is one; the name that the SAM vouches for always stands there. */
function whoAsks(app: App, document: RequestDocument): HTMLElement {
  const computer = document.caller.kind === "computer";
  const own = computer ? app.petname(document.caller.id) : null;
  const vouched = foreign(document.caller.name, t.common.noName);
  return card(
    h("h2", {}, t.approval.asks),
    h(
      "div",
      { class: "who" },
      h("span", { class: "row-symbol" }, icon(computer ? "computer" : "system")),
      h(
        "div",
        {},
        h("p", { class: "who-name" }, own === null ? vouched : foreign(own)),
        h("p", { class: "hint" }, computer ? t.approval.computer : t.approval.integrator, ...(own === null ? [] : [": ", vouched])),
      ),
    ),
  );
}

function files(document: SignDocument): HTMLElement {
  return card(
    h("h2", {}, t.approval.documents(document.count)),
    h(
      "ul",
      { class: "files" },
      ...document.documents.map((file) =>
        h(
          "li",
          {},
          icon("document"),
          h("div", {}, h("p", { class: "file-name" }, foreign(file.label, t.common.noName)), h("p", { class: "hint" }, size(file.size), " · ", h("span", { class: "digest" }, t.approval.digest(shortDigest(file.hash))))),
        ),
      ),
    ),
  );
}

/** For whoever compares by hand; folded, because nobody else should have to look past it. */
function technical(document: RequestDocument, more: [string, Node | string][]): HTMLElement {
  const pairs: [string, Node | string][] = [
    [t.approval.request, foreign(document.id)],
    ...("sign_algorithm" in document ? ([[t.approval.algorithm, `${document.sign_algorithm} · ${document.hash_algorithm}`]] as [string, string][]) : []),
    ...more,
  ];
  return h("details", { class: "technical" }, h("summary", {}, t.approval.details), facts(...pairs));
}
