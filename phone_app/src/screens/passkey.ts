/** *Proteger com a tela de bloqueio*: from then on the phone's screen lock speaks for each approval. And the way back. */

import { ApiError } from "../api";
import type { App } from "../app";
import type { Opened } from "../ceremony";
import { canProtect, createPasskey, NotUnlocked } from "../passkey";
import { t } from "../strings";
import { Untrusted } from "../trust";
import { h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, facts, form, lead, notice, passwordField, progress, submitButton } from "../ui/parts";
import { isLocked, keepsPassword, problemText } from "../ui/problem";
import { showDevice } from "./device";
import { showEnding } from "./outcome";

/** What stands on *Este celular*: nothing where the browser cannot do it. */
export async function drawProtection(app: App, place: HTMLElement): Promise<void> {
  const own = app.profile.passkey !== undefined;
  if ((!own && !(await canProtect())) || app.profile.bound.length === 0) return;
  place.replaceChildren(
    card(
      facts([t.passkey.title, own ? t.passkey.on : t.passkey.off]),
      h("p", { class: "hint" }, own ? t.passkey.onWhat : t.passkey.offWhat),
      actions(own ? button(t.passkey.turnOff, "plain", () => void showRemoving(app)) : button(t.passkey.turnOn, "plain", () => showEnrolling(app), "lock")),
    ),
  );
}

/** First the phone makes the passkey, by a press of its own; then password and passkey together put it in force. */
function showEnrolling(app: App): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(t.passkey.lead),
    card(h("ul", { class: "points" }, ...t.passkey.points.map((point) => h("li", {}, icon("check"), h("span", {}, point))))),
    notice("warning", t.passkey.lost),
    trouble,
    actions(
      button(t.passkey.create, "primary", () => busy(content, create), "lock"),
      button(t.common.cancel, "plain", () => showDevice(app)),
    ),
  );
  const create = async (): Promise<void> => {
    trouble.replaceChildren();
    try {
      const passkey = await createPasskey(t.passkey.named(app.profile.nickname ?? ""));
      showConfirming(app, await ask(app, "/phone/v1/passkeys", "passkey", { id: passkey.id, key: { ...passkey.key } }));
    } catch (error) {
      const words = error instanceof NotUnlocked ? t.problems.noScreenLock : problemText(error, app.gateway);
      trouble.replaceChildren(notice("danger", words, true));
    }
  };
  app.visit({ name: "protect", title: t.passkey.enrolTitle, back: () => showDevice(app), content: [content] });
}

async function showRemoving(app: App): Promise<void> {
  const place = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ name: "unprotect", title: t.passkey.removeTitle, back: () => showDevice(app), content: [place] });
  try {
    showConfirming(app, await ask(app, "/phone/v1/passkeys/end", "passkey-end"));
  } catch (error) {
    if (error instanceof ApiError && error.code === "no_passkey") {
      // Removed before, and the answer was lost.
      await app.save({ passkey: undefined });
      return showDevice(app);
    }
    place.replaceChildren(notice("danger", problemText(error, app.gateway), true));
  }
}

type Asked = "passkey" | "passkey-end";

async function ask(app: App, path: string, type: Asked, passkey?: { id: string; key: Record<string, string> }): Promise<Opened<Asked>> {
  const credential = app.profile.bound[0]!.id;
  const answer = await app.gateway.call("POST", path, passkey === undefined ? { credential } : { credential, passkey });
  const statement = await app.ceremony.open(answer.statement, [type]);
  const { credential: about, passkey: shown } = statement.document;
  // What is signed names the very passkey that was made here: no other one can be put in front of this phone's key.
  const other = passkey !== undefined && (shown.id !== passkey.id || shown.key !== (await app.ceremony.nameOf(passkey.key)));
  if (about !== credential || other) throw new Untrusted("another passkey or certificate than the one chosen");
  return statement;
}

function showConfirming(app: App, statement: Opened<Asked>): void {
  const enrols = statement.document.type === "passkey";
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
      await app.save({ passkey: enrols ? statement.document.passkey.id : undefined });
      showEnding(app, enrols ? { name: "protected", title: t.passkey.enrolled, text: t.passkey.enrolledWhat } : { name: "unprotected", title: t.passkey.removed, text: t.passkey.removedWhat });
    } catch (error) {
      if (!keepsPassword(error)) password.clear();
      if (isLocked(error)) entry.replaceChildren(notice("danger", problemText(error), true));
      else if (error instanceof ApiError && error.code === "password_wrong") password.complain(problemText(error));
      else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  const entry: HTMLElement = form(
    approve,
    password.element,
    doing.element,
    actions(submitButton(enrols ? t.passkey.confirm : t.passkey.turnOff), button(t.common.cancel, "plain", () => showDevice(app))),
  );
  app.visit({
    name: enrols ? "confirm-protect" : "confirm-unprotect",
    title: enrols ? t.passkey.confirmTitle : t.passkey.removeTitle,
    back: () => showDevice(app),
    content: [
      lead(enrols ? t.passkey.confirmLead : t.passkey.removeLead),
      card(facts([t.pairPassword.certificate, holder(statement.document.subject)])),
      trouble,
      entry,
    ],
  });
}
