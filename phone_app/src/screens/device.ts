/** This phone: its name, its notices, its key, and ending its pairing. */

import type { App } from "../app";
import { asObject } from "../encoding";
import { askToNotify, canNotify } from "../notices";
import { keepReachable } from "../push";
import { t } from "../strings";
import { foreign, h } from "../ui/dom";
import { actions, busy, button, card, facts, field, form, lead, notice, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { drawProtection } from "./passkey";

declare const __VERSION__: string;

export function showDevice(app: App): void {
  const nickname = field(t.device.nickname, { attributes: { maxlength: 40, autocomplete: "off" } });
  nickname.input.value = app.profile.nickname ?? "";
  const said = h("div", {});
  const rename = async (): Promise<void> => {
    const name = nickname.input.value.trim();
    if (name === "") return nickname.complain(t.nickname.invalid);
    try {
      await app.gateway.call("PUT", "/phone/v1/device", { nickname: name });
      await app.save({ nickname: name });
      app.home();
    } catch (error) {
      said.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  const allowed = canNotify() === "allowed";
  const protection = h("div", {});
  void drawProtection(app, protection);
  app.visit({
    name: "device",
    title: t.device.title,
    content: [
      said,
      card(form(rename, nickname.element, actions(submitButton(t.device.rename)))),
      card(
        facts([t.device.notifications, allowed ? t.device.on : t.device.off]),
        canNotify() === "ask" && actions(button(t.device.enable, "plain", () => void askToNotify().then(() => {
          void keepReachable(app.gateway);
          showDevice(app);
        }))),
      ),
      protection,
      h(
        "details",
        { class: "technical" },
        h("summary", {}, t.device.details),
        facts([t.device.environment, foreign(app.trust.environment)], [t.device.version, __VERSION__], [t.device.key, h("code", {}, app.key.jkt)]),
      ),
      actions(button(t.device.unpair, "danger", () => showUnpair(app))),
    ],
  });
}

export function showUnpair(app: App): void {
  const trouble = h("div", {});
  const others = h("div", { role: "status" });
  app.gateway.call("GET", "/phone/v1/devices").then(
    (answer) => {
      const active = Array.isArray(answer.devices) ? answer.devices.filter((one) => asObject(one).state === "active") : [];
      others.replaceChildren(active.length < 2 ? notice("warning", t.device.unpairLast) : notice("info", t.device.unpairOthers));
    },
    () => undefined, // not known: nothing is said
  );
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(t.device.unpairLead),
    others,
    trouble,
    actions(
      button(t.device.unpair, "danger", () => busy(content, unpair)),
      button(t.common.cancel, "plain", () => showDevice(app)),
    ),
  );
  const unpair = async (): Promise<void> => {
    try {
      await app.gateway.call("DELETE", "/phone/v1/device");
      await app.forget();
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "unpair", title: t.device.unpairTitle, back: () => showDevice(app), content: [content] });
}
