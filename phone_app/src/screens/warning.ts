/** What befell a certificate, as every phone of it says: wrong passwords locked it, a phone blocked or unblocked it. */

import type { App } from "../app";
import { now } from "../ceremony";
import { moment, t } from "../strings";
import { foreign, h, holder } from "../ui/dom";
import { showNewPhone } from "./admission";
import { icon } from "../ui/icons";
import { actions, busy, button } from "../ui/parts";
import type { Warning } from "../warnings";

export function showWarning(app: App, warning: Warning): HTMLElement {
  if (warning.kind === "phone_waiting") return showNewPhone(app, warning);
  if (warning.kind === "credential_locked") return showLock(app, warning);
  return warning.kind === "consent_ended" ? showConsentEnded(app, warning) : showTurn(app, warning);
}

/** Another phone of the holder's blocked the certificate, or unblocked it. */
function showTurn(app: App, warning: Warning): HTMLElement {
  const words = t.warning[warning.kind === "credential_blocked" ? "blocked" : "unblocked"];
  const subject = app.profile.bound.find((one) => one.id === warning.credential)?.subject ?? "";
  const element: HTMLElement = h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("lock"), words.title),
    h("p", { class: "warning-who" }, holder(subject)),
    h("p", {}, words.what(moment(warning.since)), ...where(warning)),
    h("p", {}, h("strong", {}, t.warning.notYou), " ", words.notYou),
    actions(button(t.warning.understood, "plain", () => void busy(element, () => app.warnings.dismiss(warning.id)), "check")),
  );
  return element;
}

/** An application sent wrong factors too often. */
function showConsentEnded(app: App, warning: Warning): HTMLElement {
  const words = t.warning.consentEnded;
  const subject = app.profile.bound.find((one) => one.id === warning.credential)?.subject ?? "";
  const element: HTMLElement = h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("warning"), words.title),
    h("p", { class: "warning-who" }, holder(subject)),
    h("p", {}, words.what(moment(warning.since))),
    h("p", {}, words.notYou),
    actions(button(t.warning.understood, "plain", () => void busy(element, () => app.warnings.dismiss(warning.id)), "check")),
  );
  return element;
}

function showLock(app: App, warning: Warning): HTMLElement {
  const subject = app.profile.bound.find((one) => one.id === warning.credential)?.subject ?? "";
  const forEver = warning.until === null;
  const element: HTMLElement = h(
    "article",
    { class: "warning" },
    h("h2", {}, icon("lock"), forEver ? t.warning.lockedForEver : t.warning.locked),
    h("p", { class: "warning-who" }, holder(subject)),
    h("p", {}, t.warning.typed(moment(warning.since)), ...where(warning)),
    h("p", { class: "warning-end" }, ending(warning)),
    h("p", {}, h("strong", {}, t.warning.wasYou), " ", forEver ? t.warning.wasYouForEver : t.warning.wasYouWhat),
    h("p", {}, h("strong", {}, t.warning.notYou), " ", warning.here ? t.warning.notYouHere : t.warning.notYouElsewhere),
    actions(button(t.warning.understood, "plain", () => void busy(element, () => app.warnings.dismiss(warning.id)), "check")),
  );
  return element;
}

function where(warning: Warning): (Node | string)[] {
  if (warning.here) return [t.warning.onThisPhone];
  if (warning.phone === null) return [t.warning.onSomePhone];
  return [t.warning.onPhone, h("strong", {}, foreign(warning.phone, t.common.noName)), "."];
}

function ending(warning: Warning): string {
  if (warning.until === null) return t.warning.forEver;
  return warning.until > now() ? t.warning.until(moment(warning.until)) : t.warning.over(moment(warning.until));
}
