/** The code from the SMS. */

import { ApiError } from "../api";
import type { App } from "../app";
import { asObject, type Json } from "../encoding";
import type { KnownCredential, PairingStep } from "../keystore";
import { clock, t } from "../strings";
import { h } from "../ui/dom";
import { actions, busy, button, field, form, lead, notice, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { showNickname } from "./nickname";
import { keepPairing, PAIRING_STEPS, showNumber } from "./number";

type CodeStep = Extract<PairingStep, { at: "code" }>;

export function showCode(app: App, message?: string): void {
  const step = app.profile.step as CodeStep;
  const code = field(t.code.label, {
    hint: t.code.hint,
    attributes: { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6, pattern: "[0-9]*", class: "code-input", "data-focus": true },
  });
  const trouble = h("div", {}, message === undefined ? null : notice("good", message, true));
  const life = h("p", { class: "hint" });
  const resend = button(t.code.resend, "plain", () => busy(whole, askAgain));
  const check = form(async () => sendCode(app, step, code, trouble), code.element, life, actions(submitButton(t.common.confirm)));
  const again = button(t.code.other, "quiet", () => void startOver(app));
  const whole = h("div", { class: "column" }, lead(t.code.lead(step.masked)), trouble, check, h("div", { class: "aside-actions" }, resend, again));

  const askAgain = async (): Promise<void> => {
    try {
      await keepPairing(app, step.number, await app.gateway.call("POST", `/phone/v1/pairings/${step.pairing}/resend`));
      showCode(app, t.code.resent);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  const tick = (): void => {
    const wait = Math.ceil((step.resendAt - Date.now()) / 1000);
    const life_ = (step.codeUntil - Date.now()) / 1000;
    const busyNow = whole.querySelector("[aria-busy]") !== null || whole.hasAttribute("aria-busy");
    if (!busyNow) resend.disabled = wait > 0 || step.sendsLeft <= 0;
    (resend.lastElementChild as HTMLElement).textContent = step.sendsLeft > 0 && wait > 0 ? t.code.resendIn(wait) : t.code.resend;
    life.textContent = step.sendsLeft <= 0 && wait <= 0 ? t.code.noMore : life_ > 0 ? t.code.expires(clock(life_)) : (t.problems.codes.code_expired as string);
  };
  const timer = setInterval(tick, 1000);
  tick();
  const listening = new AbortController();
  void codeFromSms(listening.signal).then((found) => {
    if (found !== null && code.input.isConnected) code.input.value = found;
  });
  app.show({
    name: "code",
    title: t.code.title,
    step: { at: 2, of: PAIRING_STEPS },
    back: () => void startOver(app),
    leave: () => {
      clearInterval(timer);
      listening.abort();
    },
    content: [whole],
  });
}

/** Where the browser reads codes out of SMS that are bound to our origin (WebOTP), after asking the person; else null. */
async function codeFromSms(signal: AbortSignal): Promise<string | null> {
  if (!("OTPCredential" in globalThis)) return null;
  try {
    const options = { otp: { transport: ["sms"] }, signal } as CredentialRequestOptions;
    const found = (await navigator.credentials.get(options)) as { code?: string } | null;
    return found?.code !== undefined && /^\d{6}$/.test(found.code) ? found.code : null;
  } catch {
    return null; // left, refused, or nothing came: it is typed by hand
  }
}

async function sendCode(app: App, step: CodeStep, code: ReturnType<typeof field>, trouble: HTMLElement): Promise<void> {
  const typed = code.input.value.replace(/\s/g, "");
  if (!/^\d{6}$/.test(typed)) return code.complain(t.code.invalid);
  trouble.replaceChildren();
  try {
    const answer = await app.gateway.call("POST", `/phone/v1/pairings/${step.pairing}/code`, { code: typed });
    const credentials = readCredentials(answer.credentials);
    await app.save({ device: String(answer.device), token: String(answer.token), known: credentials, step: { at: "nickname", credentials } });
    showNickname(app);
  } catch (error) {
    if (error instanceof ApiError && error.code === "code_wrong") {
      const left = error.number("tries_left");
      code.input.value = "";
      return code.complain(left === null ? t.code.wrongSimple : t.code.wrong(left));
    }
    if (error instanceof ApiError && error.code === "too_many_tries") return startOver(app, problemText(error));
    trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
  }
}

async function startOver(app: App, message?: string): Promise<void> {
  const typed = (app.profile.step as CodeStep | undefined)?.masked ?? "";
  await app.endStep();
  showNumber(app, typed, message);
}

/** Credentials as the gateway lists them: names to choose by, no more; what is bound is fixed by the SAM and checked again. */
export function readCredentials(list: Json | undefined): KnownCredential[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 100).map((one) => {
    const from = asObject(one);
    const text = (name: string): string => (typeof from[name] === "string" ? (from[name] as string) : "");
    return { id: text("id") || text("credential"), subject: text("subject"), kind: text("kind"), valid_to: text("valid_to") || null, state: text("state") };
  });
}
