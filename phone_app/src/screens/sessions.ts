/** The open sessions: who may sign without asking again, how far they have gone, and ending one. */

import type { App } from "../app";
import { asObject, type Json, type JsonObject } from "../encoding";
import { clock, moment, span, t } from "../strings";
import { foreign, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, item, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";

/** As the gateway tells it; times in seconds since 1970. */
export interface OpenSession {
  activation: string;
  caller: string;
  kind: "computer" | "integrator";
  purpose: string;
  until: number;
  maximum: number;
  used: number;
  withKey: boolean;
}

export function readSessions(list: Json | undefined): OpenSession[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 200).map((one) => {
    const from: JsonObject = asObject(one);
    const caller: JsonObject = asObject(from.caller);
    const text = (source: JsonObject, name: string): string => (typeof source[name] === "string" ? (source[name] as string) : "");
    const whole = (name: string): number => (Number.isSafeInteger(from[name]) ? (from[name] as number) : 0);
    return {
      activation: text(from, "activation"),
      caller: text(caller, "name"),
      kind: caller.kind === "computer" ? "computer" : "integrator",
      purpose: text(from, "purpose"),
      until: Math.floor(Date.parse(text(from, "until")) / 1000) || 0,
      maximum: whole("maximum"),
      used: whole("used"),
      withKey: from.with_key === true,
    };
  });
}

export function showSessions(app: App, message?: string): void {
  const list = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  const timer = setInterval(() => tickEnds(list), 1000);
  app.visit({ leave: () => clearInterval(timer), name: "sessions", title: t.sessions.title, content: [...(message === undefined ? [] : [notice("good", message)]), list] });
  app.gateway.call("GET", "/phone/v1/sessions").then(
    (answer) => {
      list.replaceChildren(...draw(app, readSessions(answer.sessions)));
      tickEnds(list);
    },
    (error: unknown) => list.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

function draw(app: App, sessions: OpenSession[]): Node[] {
  if (sessions.length === 0) {
    return [h("div", { class: "empty" }, icon("check"), h("p", { class: "empty-title" }, t.sessions.none), h("p", { class: "hint" }, t.sessions.noneWhat))];
  }
  return [
    lead(t.sessions.lead),
    h(
      "ul",
      { class: "rows" },
      ...sessions.map((one) => {
        const end = button(t.sessions.end, "quiet", () => showEnd(app, one));
        end.setAttribute("aria-label", `${t.sessions.end}: ${foreign(one.caller).textContent}`);
        end.dataset.ends = String(one.until);
        return item(one.kind === "computer" ? "computer" : "system", foreign(one.caller, t.common.noName), below(one), end);
      }),
    ),
  ];
}

function below(one: OpenSession): Node {
  return h(
    "span",
    { class: "lines" },
    one.purpose === "" ? null : foreign(one.purpose),
    h("span", {}, t.sessions.used(one.used, one.maximum)),
    h("span", { "data-until": one.until }, ends(one.until)),
    one.withKey ? null : h("span", {}, t.sessions.withoutKey),
  );
}

/** Until when, and how long that is: in the last hour to the second. */
function ends(until: number): string {
  const left = until - Date.now() / 1000;
  if (left <= 0) return t.sessions.over;
  return t.sessions.until(moment(until), left < 3600 ? clock(left) : span(left));
}

function tickEnds(list: HTMLElement): void {
  for (const one of list.querySelectorAll<HTMLElement>("[data-until]")) one.textContent = ends(Number(one.dataset.until));
  for (const end of list.querySelectorAll<HTMLButtonElement>("[data-ends]")) end.hidden = Number(end.dataset.ends) * 1000 <= Date.now();
}

function showEnd(app: App, one: OpenSession): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    card(h("ul", { class: "rows" }, item(one.kind === "computer" ? "computer" : "system", foreign(one.caller, t.common.noName), below(one)))),
    lead(t.sessions.endLead),
    trouble,
    actions(
      button(t.sessions.end, "danger", () => busy(content, end)),
      button(t.common.cancel, "plain", () => showSessions(app)),
    ),
  );
  const end = async (): Promise<void> => {
    try {
      await app.gateway.call("POST", `/phone/v1/sessions/${encodeURIComponent(one.activation)}/end`, {});
      showSessions(app, t.sessions.ended);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "end-session", title: t.sessions.endTitle, back: () => showSessions(app), content: [content] });
}
