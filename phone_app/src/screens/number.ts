/** The telephone number: asked, shown back, and only then used. */

import { ApiError } from "../api";
import type { App } from "../app";
import type { JsonObject } from "../encoding";
import { formatNumber, normaliseNumber } from "../telephone";
import { h } from "../ui/dom";
import { actions, busy, button, field, form, lead, notice, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { t } from "../strings";
import { showCode } from "./code";
import { showWelcome } from "./welcome";

export const PAIRING_STEPS = 6;

export function showNumber(app: App, typed = "", message?: string): void {
  const number = field(t.number.label, {
    hint: t.number.hint,
    attributes: { type: "tel", inputmode: "tel", autocomplete: "tel", maxlength: 24, "data-focus": true },
  });
  number.input.value = typed;
  const submit = async (): Promise<void> => {
    const e164 = normaliseNumber(number.input.value);
    if (e164 === null) return number.complain(t.number.invalid);
    showConfirm(app, e164);
  };
  app.show({
    name: "number",
    title: t.number.title,
    step: { at: 1, of: PAIRING_STEPS },
    back: () => showWelcome(app),
    content: [
      ...(message === undefined ? [] : [notice("warning", message, true)]),
      lead(t.number.lead),
      form(submit, number.element, actions(submitButton(t.common.next))),
    ],
  });
}

function showConfirm(app: App, e164: string): void {
  app.show({
    name: "confirm-number",
    title: t.confirmNumber.title,
    step: { at: 1, of: PAIRING_STEPS },
    back: () => showNumber(app, formatNumber(e164)),
    content: [
      h("p", { class: "big-number" }, formatNumber(e164)),
      lead(t.confirmNumber.lead),
      actions(
        button(t.common.confirm, "primary", () => showAskCode(app, e164)),
        button(t.confirmNumber.fix, "plain", () => showNumber(app, formatNumber(e164))),
      ),
    ],
  });
}

function showAskCode(app: App, e164: string): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    h("p", { class: "send-to" }, h("span", {}, t.askCode.to), h("strong", {}, formatNumber(e164))),
    lead(t.askCode.lead),
    trouble,
    actions(button(t.askCode.ask, "primary", () => busy(content, ask))),
  );
  const ask = async (): Promise<void> => {
    try {
      const answer = await app.gateway.call("POST", "/phone/v1/pairings", { number: e164 });
      await keepPairing(app, e164, answer);
      showCode(app);
    } catch (error) {
      const better = withNinthDigit(error, e164);
      if (better === null) return trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
      const use = button(t.number.useNinth(formatNumber(better)), "plain", () => showConfirm(app, better));
      trouble.replaceChildren(notice("warning", t.number.ninth, true), actions(use));
    }
  };
  app.show({ name: "ask-code", title: t.askCode.title, step: { at: 2, of: PAIRING_STEPS }, back: () => showConfirm(app, e164), content: [content] });
}

/** The number that the gateway offers instead of ours: taken for nothing but ours with the ninth digit of mobile numbers. */
function withNinthDigit(error: unknown, e164: string): string | null {
  const better = error instanceof ApiError ? error.data.suggestion : null;
  return typeof better === "string" && better === e164.replace(/^(\+55\d\d)(\d{8})$/, "$19$2") && better !== e164 ? better : null;
}

/** What the gateway said of a pairing, kept so that the way to the SMS and back loses nothing. Its masked number is not shown. */
export async function keepPairing(app: App, number: string, answer: JsonObject): Promise<void> {
  const seconds = (name: string): number => (typeof answer[name] === "number" ? (answer[name] as number) : 0);
  await app.save({
    step: {
      at: "code",
      pairing: String(answer.pairing),
      number,
      masked: formatNumber(number),
      codeUntil: Date.now() + seconds("expires_in") * 1000,
      resendAt: Date.now() + seconds("resend_in") * 1000,
      sendsLeft: seconds("sends_left"),
    },
  });
}
