/** The first screen, and how to install before pairing (on iOS browser and installed app keep separate keys). */

import type { App } from "../app";
import { mark } from "../ui/icons";
import { h } from "../ui/dom";
import { actions, button, lead, notice } from "../ui/parts";
import { t } from "../strings";
import { installer, isAndroid, isInstalled, isIos } from "../install";
import { showNumber } from "./number";

export function showWelcome(app: App, message?: string): void {
  const start = button(t.welcome.start, "primary", () => showNumber(app));
  const advise = !isInstalled();
  app.show({
    name: "welcome",
    title: t.welcome.title,
    bare: true,
    content: [
      h("div", { class: "hero" }, mark(), h("p", { class: "wordmark", "aria-hidden": "true" }, t.product), lead(t.welcome.lead)),
      message !== undefined && notice("info", message),
      h("section", { class: "need" }, h("h2", {}, t.welcome.need), h("ul", {}, ...t.welcome.needs.map((need) => h("li", {}, need)))),
      advise && installAdvice(),
      actions(start),
    ].filter((part): part is HTMLElement => part !== false),
  });
}

function installAdvice(): HTMLElement | false {
  if (isIos()) return notice("info", h("div", {}, h("strong", {}, t.welcome.installTitle), h("p", {}, t.welcome.installIos)));
  const offer = installer();
  if (offer === null) {
    return isAndroid() && notice("info", h("div", {}, h("strong", {}, t.welcome.installTitle), h("p", {}, t.welcome.installByMenu)));
  }
  return notice("info", h("div", {}, h("strong", {}, t.welcome.installTitle), h("p", {}, t.welcome.installAndroid), button(t.welcome.install, "quiet", () => offer())));
}
