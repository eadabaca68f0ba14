/** Choosing the certificate, proving its password, waiting for the test, and the end of pairing. */

import { ApiError } from "../api";
import type { App } from "../app";
import type { Opened, Stage } from "../ceremony";
import type { KnownCredential, PairingStep } from "../keystore";
import { date, product, t } from "../strings";
import { Untrusted } from "../trust";
import { h, holder } from "../ui/dom";
import { actions, busy, button, card, facts, form, lead, notice, passwordField, progress, row, submitButton } from "../ui/parts";
import { icon } from "../ui/icons";
import { problemText } from "../ui/problem";
import { PAIRING_STEPS, showNumber } from "./number";
import { showScan } from "./scan";

type Step = Extract<PairingStep, { at: "nickname" | "notifications" | "credential" | "password" }>;
type TrialStep = Extract<PairingStep, { at: "trial" }>;

/** States in which a certificate cannot be paired. Whatever the list says, the SAM decides. */
const unusable = (one: KnownCredential): string | undefined => t.credential.unusable[one.state];

export function showCredential(app: App): void {
  const credentials = (app.profile.step as Step).credentials;
  const usable = credentials.filter((one) => unusable(one) === undefined);
  const only = usable[0];
  if (credentials.length === 0) return showNoCredential(app);
  if (credentials.length === 1 && only) return void showPairPassword(app, only);
  app.show({
    name: "credential",
    title: t.credential.title,
    step: { at: 5, of: PAIRING_STEPS },
    ...backHome(app),
    content: [
      lead(t.credential.lead),
      h("div", { class: "rows" }, ...credentials.map((one) => choice(one, () => void showPairPassword(app, one)))),
    ],
  });
}

/** A phone that is paired already, and adds a certificate, can leave it. */
function backHome(app: App): { back?: () => void } {
  return app.profile.bound.length > 0 ? { back: () => void app.endStep().then(() => app.home()) } : {};
}

function choice(one: KnownCredential, choose: () => void): HTMLElement {
  const why = unusable(one);
  const validity = one.valid_to === null ? null : t.credential.validTo(date(one.valid_to));
  const made = row("certificate", holder(one.subject), [product(one.kind), why ?? validity].filter(Boolean).join(" · "), choose);
  made.disabled = why !== undefined;
  return made;
}

function showNoCredential(app: App): void {
  app.show({
    name: "no-credential",
    title: t.credential.none,
    content: [
      lead(t.credential.noneWhat),
      actions(
        button(t.common.tryAgain, "primary", () => {
          void app.save({ bound: [] }).then(async () => {
            await app.endStep();
            showNumber(app);
          });
        }),
      ),
    ],
  });
}

export async function showPairPassword(app: App, credential: KnownCredential): Promise<void> {
  const before = app.profile.step;
  const credentials = before && "credentials" in before ? before.credentials : [credential];
  const several = credentials.length > 1;
  const password = passwordField();
  password.input.dataset.focus = "";
  const trouble = h("div", {});
  const doing = progress();
  const submit = async (): Promise<void> => {
    const typed = password.value();
    if (typed === null) return;
    trouble.replaceChildren();
    try {
      const document = await pair(app, credential, typed, (stage) => doing.say(t.password[stage]));
      await app.save({ step: { at: "trial", credentials, credential: credential.id, document } });
      showTrial(app);
    } catch (error) {
      password.clear();
      if (error instanceof ApiError && error.code === "password_wrong") password.complain(problemText(error));
      else trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  await app.save({ step: { at: "credential", credentials } });
  app.show({
    name: "pair-password",
    title: t.pairPassword.title,
    step: { at: 5, of: PAIRING_STEPS },
    ...(several ? { back: () => showCredential(app) } : backHome(app)),
    content: [
      lead(t.pairPassword.lead),
      card(facts([t.pairPassword.certificate, holder(credential.subject)])),
      trouble,
      form(submit, password.element, doing.element, actions(submitButton(t.common.confirm))),
      h("p", { class: "hint" }, t.password.noRecovery),
    ],
  });
}

/** Asks the SAM to bind this phone to the credential, and answers what it asks back. The id of the test that will ring. */
async function pair(app: App, credential: KnownCredential, password: string, tell: (stage: Stage) => void): Promise<string | null> {
  const answer = await app.gateway.call("POST", "/phone/v1/bindings", { credential: credential.id });
  const statement = await app.ceremony.open(answer.statement, ["pair"]);
  const { credential: id, subject } = statement.document;
  // The list came from the gateway; the document from the SAM. They must speak of the same certificate.
  if (id !== credential.id || subject !== credential.subject) throw new Untrusted("another certificate than the one chosen");
  const outcome = await app.ceremony.answer(statement, "approve", password, tell);
  return outcome.document;
}

/** How long until we say that it is slow. */
const SLOW_MS = 15_000;

export function showTrial(app: App): void {
  const step = app.profile.step as TrialStep;
  const slow = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    h("div", { class: "picture waiting" }, icon("phone")),
    h("p", { class: "lead", role: "status" }, t.trial.waiting),
    slow,
  );
  const timer = setTimeout(() => {
    slow.replaceChildren(notice("warning", t.trial.slow, true), actions(button(t.trial.search, "plain", () => busy(content, () => search(app, step)))));
  }, SLOW_MS);
  const stop = app.inbox.listen(() => {
    const test = app.inbox.items.find((one) => one.document.type === "test");
    if (test) showTest(app, test as Opened<"test">);
  });
  app.live.start();
  void app.inbox.refresh();
  app.show({
    name: "trial",
    title: t.trial.title,
    step: { at: 6, of: PAIRING_STEPS },
    leave: () => {
      clearTimeout(timer);
      stop();
    },
    content: [content],
  });
}

/** Without waiting for the bell: the test was named in the answer to the pairing, or the binding may be active already. */
async function search(app: App, step: TrialStep): Promise<void> {
  try {
    if (step.document !== null) return showTest(app, await app.ceremony.fetch(step.document, ["test"]));
    await app.inbox.refresh();
  } catch (error) {
    app.shell.announce(problemText(error, app.gateway));
  }
}

export function showTest(app: App, statement: Opened<"test">): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(t.trial.lead),
    card(facts([t.pairPassword.certificate, holder(statement.document.subject)])),
    trouble,
    actions(button(t.trial.approve, "primary", () => busy(content, approve), "check")),
  );
  const approve = async (): Promise<void> => {
    try {
      await app.ceremony.answer(statement, "approve", null, () => undefined);
      const { credential, subject } = statement.document;
      app.remember(statement, true);
      await app.save({ bound: [...app.profile.bound.filter((one) => one.id !== credential), { id: credential, subject }] });
      await app.endStep();
      showReady(app);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.show({ name: "test", title: t.trial.ask, step: { at: 6, of: PAIRING_STEPS }, content: [content] });
}

function showReady(app: App): void {
  app.show({
    name: "ready",
    title: t.ready.title,
    content: [
      h("div", { class: "picture good" }, icon("check")),
      lead(t.ready.lead),
      h("p", {}, t.ready.next),
      actions(button(t.ready.scan, "primary", () => showScan(app), "scan"), button(t.ready.home, "plain", () => app.home())),
    ],
  });
}
