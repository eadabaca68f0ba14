/** A name for this phone, and whether it may show notices. */

import type { App } from "../app";
import type { PairingStep } from "../keystore";
import { canNotify, askToNotify } from "../notices";
import { keepReachable } from "../push";
import { t } from "../strings";
import { h } from "../ui/dom";
import { actions, busy, button, field, form, lead, notice, submitButton } from "../ui/parts";
import { icon } from "../ui/icons";
import { problemText } from "../ui/problem";
import { PAIRING_STEPS } from "./number";
import { showCredential } from "./credential";

const MAX_NICKNAME = 40;

type Step = Extract<PairingStep, { at: "nickname" | "notifications" | "credential" | "password" }>;

export function showNickname(app: App): void {
  const nickname = field(t.nickname.label, {
    hint: t.nickname.hint,
    attributes: { maxlength: MAX_NICKNAME, autocomplete: "off", autocapitalize: "sentences", "data-focus": true },
  });
  const trouble = h("div", {});
  const submit = async (): Promise<void> => {
    const name = nickname.input.value.trim();
    if (name === "" || name.length > MAX_NICKNAME) return nickname.complain(t.nickname.invalid);
    try {
      await app.gateway.call("PUT", "/phone/v1/device", { nickname: name });
      await app.save({ nickname: name, step: { at: "notifications", credentials: (app.profile.step as Step).credentials } });
      showNotifications(app);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.show({
    name: "nickname",
    title: t.nickname.title,
    step: { at: 3, of: PAIRING_STEPS },
    content: [lead(t.nickname.lead), trouble, form(submit, nickname.element, actions(submitButton(t.common.next)))],
  });
}

export function showNotifications(app: App): void {
  const next = async (): Promise<void> => {
    void keepReachable(app.gateway);
    await app.save({ step: { at: "credential", credentials: (app.profile.step as Step).credentials } });
    showCredential(app);
  };
  const state = canNotify();
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    h("div", { class: "picture" }, icon("bell")),
    lead(t.notifications.lead),
    notice("info", t.notifications.what),
    state === "denied" && notice("warning", t.notifications.denied),
    state === "unsupported" && notice("warning", t.notifications.unsupported),
    trouble,
    state === "ask"
      ? actions(
          button(t.notifications.allow, "primary", () =>
            busy(content, async () => {
              if (await askToNotify()) return next();
              trouble.replaceChildren(notice("warning", t.notifications.denied, true));
            }),
          ),
          button(t.notifications.skip, "plain", () => busy(content, next)),
          h("p", { class: "hint" }, t.notifications.skipNote),
        )
      : actions(button(t.common.next, "primary", () => busy(content, next))),
  );
  app.show({ name: "notifications", title: t.notifications.title, step: { at: 4, of: PAIRING_STEPS }, content: [content] });
}
