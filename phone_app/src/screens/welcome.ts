/** The first screen, and how to install before pairing (on iOS browser and installed app keep separate keys). */

import type { App } from "../app";
import { icon, mark } from "../ui/icons";
import { h } from "../ui/dom";
import { actions, button, lead, notice } from "../ui/parts";
import { t } from "../strings";
import { installer, isAndroid, isInstalled, isIos } from "../install";
import { showNumber } from "./number";

export function showWelcome(app: App, message?: string): void {
  const start = button(t.welcome.start, "primary", () => showNumber(app));
  const need = h("section", { class: "need" }, h("h2", {}, t.welcome.need), h("ul", {}, ...t.welcome.needs.map((one) => h("li", {}, one))));
  // A key that Safari keeps stays in Safari, and goes with its next cleaning; nothing rings there either.
  const below = isIos() && !isInstalled() ? [installFirst()] : [need, !isInstalled() && installAdvice(), actions(start)];
  app.show({
    name: "welcome",
    title: t.welcome.title,
    bare: true,
    content: [
      h("div", { class: "hero" }, mark(), h("p", { class: "wordmark", "aria-hidden": "true" }, t.product), lead(t.welcome.lead)),
      message !== undefined && notice("info", message),
      ...below,
    ].filter((part): part is HTMLElement => part !== false),
  });
}

/** In place of the beginning: on an iPhone it is in the installed app alone. */
function installFirst(): HTMLElement {
  return h(
    "section",
    { class: "card install-first" },
    h("h2", {}, t.welcome.iosTitle),
    h("p", {}, t.welcome.iosWhy),
    h("ol", { class: "numbered" }, h("li", { class: "with-icon" }, t.welcome.iosShare, icon("share"), t.welcome.iosShareWhere), ...t.welcome.iosSteps.map((step) => h("li", {}, step))),
    h("p", { class: "hint" }, t.welcome.iosElsewhere(location.host)),
  );
}

function installAdvice(): HTMLElement | false {
  const offer = installer();
  if (offer === null) {
    return isAndroid() && notice("info", h("div", {}, h("strong", {}, t.welcome.installTitle), h("p", {}, t.welcome.installByMenu)));
  }
  return notice("info", h("div", {}, h("strong", {}, t.welcome.installTitle), h("p", {}, t.welcome.installAndroid), button(t.welcome.install, "quiet", () => offer())));
}
