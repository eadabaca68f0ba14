/** *Código para usar sem internet*: one code for each certificate of this phone, with the time that it has left. */

import { ApiError } from "../api";
import type { App } from "../app";
import { codeAt, makeDeliveryKey, openDelivery, PERIOD, secondsLeft, type DeliveryKey } from "../codes";
import type { Opened } from "../ceremony";
import { t } from "../strings";
import { Untrusted } from "../trust";
import { h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, bigCode, button, card, facts, form, lead, notice, passwordField, progress, submitButton } from "../ui/parts";
import { isLocked, keepsPassword, problemText } from "../ui/problem";

/** Seconds before the end at which a screen reader is told that the code changes. */
const SOON = 10;

export function showCodes(app: App): void {
  const place = h("div", { class: "column" });
  let timer: ReturnType<typeof setInterval> | undefined;
  app.visit({
    name: "codes",
    title: t.codes.title,
    leave: () => clearInterval(timer),
    content: [lead(t.codes.lead), place, notice("info", t.codes.once), h("p", { class: "hint" }, t.codes.clock)],
  });
  void draw(app, place).then((tick) => {
    if (!place.isConnected) return;
    timer = setInterval(tick, 500);
  });
}

/** Fills `place`, and returns what is to be done twice a second. Nothing here needs the network. */
async function draw(app: App, place: HTMLElement): Promise<() => void> {
  const ticks: (() => void)[] = [];
  for (const one of app.profile.bound) {
    const key = await app.keystore.generator(one.id);
    if (key === undefined) {
      const set = button(t.codes.setUp, "plain", () => showSetUp(app, one), "lock");
      place.append(card(facts([t.approval.certificate, holder(one.subject)]), actions(set)));
      continue;
    }
    const code = h("div", {});
    const words = h("span", { class: "countdown-words" });
    const bar = h("span", { class: "countdown-bar" });
    const told = h("span", { class: "unseen", role: "status" });
    const left = h("div", { class: "countdown" }, icon("clock"), words, h("span", { class: "countdown-track", "aria-hidden": "true" }, bar), told);
    place.append(card(facts([t.approval.certificate, holder(one.subject)]), code, left));
    let shown = -1;
    const tick = (): void => {
      const now = Date.now() / 1000;
      const step = Math.floor(now / PERIOD);
      const seconds = secondsLeft(now);
      words.textContent = t.codes.left(seconds);
      bar.style.setProperty("--left", String(seconds / PERIOD));
      left.classList.toggle("soon", seconds <= SOON);
      if (step === shown) return;
      shown = step;
      told.textContent = "";
      void codeAt(key, now).then((digits) => code.replaceChildren(bigCode(t.codes.label, digits)));
    };
    tick();
    ticks.push(tick);
  }
  return () => {
    for (const tick of ticks) tick();
  };
}

function showSetUp(app: App, one: { id: string; subject: string }): void {
  const place = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ name: "set-up-codes", title: t.codes.setUp, back: () => showCodes(app), content: [place] });
  ask(app, one.id).then(
    ([statement, delivery]) => place.replaceChildren(...confirming(app, statement, delivery)),
    (error: unknown) => place.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

async function ask(app: App, credential: string): Promise<[Opened<"generator">, DeliveryKey]> {
  const delivery = await makeDeliveryKey();
  const answer = await app.gateway.call("POST", "/phone/v1/generators", { credential, delivery_key: { ...delivery.jwk } });
  const statement = await app.ceremony.open(answer.statement, ["generator"]);
  // What is signed names the very key that was made here: the secret can go nowhere else.
  if (statement.document.credential !== credential || statement.document.delivery_key !== delivery.jkt) throw new Untrusted("another key or certificate than the one asked for");
  return [statement, delivery];
}

function confirming(app: App, statement: Opened<"generator">, delivery: DeliveryKey): Node[] {
  const credential = statement.document.credential;
  const password = passwordField();
  const guessed = app.triesWarning(credential);
  const trouble = h("div", {}, guessed === null ? null : notice("warning", guessed));
  const doing = progress();
  const approve = async (): Promise<void> => {
    const typed = password.value();
    if (typed === null) return;
    trouble.replaceChildren();
    try {
      const outcome = await app.ceremony.answer(statement, "approve", typed, (stage) => doing.say(t.password[stage]));
      if (outcome.sealed === null) throw new Untrusted("nothing was delivered");
      await app.keystore.keepGenerator(credential, await openDelivery(delivery.privateKey, outcome.sealed, credential));
      showCodes(app);
    } catch (error) {
      if (!keepsPassword(error)) password.clear();
      if (isLocked(error)) entry.replaceChildren(notice("danger", problemText(error), true));
      else if (error instanceof ApiError && error.code === "password_wrong") password.complain(problemText(error));
      else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  const entry: HTMLElement = form(approve, password.element, doing.element, actions(submitButton(t.codes.activate), button(t.common.cancel, "plain", () => showCodes(app))));
  return [lead(t.codes.setUpLead), card(facts([t.approval.certificate, holder(statement.document.subject)])), trouble, entry];
}
