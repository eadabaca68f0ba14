/** The consents that stand: which applications sign with the holder's password and a code, how far they went, ending one. */

import type { App } from "../app";
import { asObject, type Json, type JsonObject } from "../encoding";
import { moment, span, t } from "../strings";
import { foreign, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, item, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";

/** As the gateway tells it; times in seconds since 1970. */
export interface GivenConsent {
  consent: string;
  caller: string;
  purpose: string;
  until: number;
  maximum: number;
  used: number;
  lastUsed: number | null;
}

export function readConsents(list: Json | undefined): GivenConsent[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 200).map((one) => {
    const from: JsonObject = asObject(one);
    const caller: JsonObject = asObject(from.caller);
    const text = (source: JsonObject, name: string): string => (typeof source[name] === "string" ? (source[name] as string) : "");
    const whole = (name: string): number => (Number.isSafeInteger(from[name]) ? (from[name] as number) : 0);
    const time = (name: string): number | null => Math.floor(Date.parse(text(from, name)) / 1000) || null;
    return {
      consent: text(from, "consent"),
      caller: text(caller, "name"),
      purpose: text(from, "purpose"),
      until: time("until") ?? 0,
      maximum: whole("maximum"),
      used: whole("used"),
      lastUsed: time("last_used"),
    };
  });
}

export function showConsents(app: App, message?: string): void {
  const list = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ name: "consents", title: t.consents.title, content: [...(message === undefined ? [] : [notice("good", message)]), list] });
  app.gateway.call("GET", "/phone/v1/consents").then(
    (answer) => list.replaceChildren(...draw(app, readConsents(answer.consents))),
    (error: unknown) => list.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

function draw(app: App, consents: GivenConsent[]): Node[] {
  if (consents.length === 0) {
    return [h("div", { class: "empty" }, icon("check"), h("p", { class: "empty-title" }, t.consents.none), h("p", { class: "hint" }, t.consents.noneWhat))];
  }
  return [
    lead(t.consents.lead),
    h(
      "ul",
      { class: "rows" },
      ...consents.map((one) => {
        const end = button(t.sessions.end, "quiet", () => showEnd(app, one));
        end.setAttribute("aria-label", `${t.sessions.end}: ${foreign(one.caller).textContent}`);
        return item("system", foreign(one.caller, t.common.noName), below(one), end);
      }),
    ),
  ];
}

function below(one: GivenConsent): Node {
  return h(
    "span",
    { class: "lines" },
    one.purpose === "" ? null : foreign(one.purpose),
    h("span", {}, t.sessions.used(one.used, one.maximum)),
    h("span", {}, t.sessions.until(moment(one.until), span(one.until - Date.now() / 1000))),
    h("span", {}, one.lastUsed === null ? t.consents.never : t.consents.lastUsed(moment(one.lastUsed))),
  );
}

function showEnd(app: App, one: GivenConsent): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    card(h("ul", { class: "rows" }, item("system", foreign(one.caller, t.common.noName), below(one)))),
    lead(t.consents.endLead),
    trouble,
    actions(
      button(t.sessions.end, "danger", () => busy(content, end)),
      button(t.common.cancel, "plain", () => showConsents(app)),
    ),
  );
  const end = async (): Promise<void> => {
    try {
      await app.gateway.call("POST", `/phone/v1/consents/${encodeURIComponent(one.consent)}/end`, {});
      showConsents(app, t.consents.ended);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "end-consent", title: t.consents.endTitle, back: () => showConsents(app), content: [content] });
}
