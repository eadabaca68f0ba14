/** The holder's phones: which there are, sending one away, and how to have another one (a spare, or a new one). */

import type { App } from "../app";
import { asObject, type Json, type JsonObject } from "../encoding";
import { date, dateTime, t } from "../strings";
import { foreign, h } from "../ui/dom";
import { actions, busy, button, card, item, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";
import { showUnpair } from "./device";

export interface KnownPhone {
  device: string;
  nickname: string;
  here: boolean;
  active: boolean;
  /** When it may decide, the latest of its certificates; null: it does not wait. */
  waits: string | null;
  since: string;
  lastUsed: string | null;
}

export function readPhones(list: Json | undefined): KnownPhone[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 200).map((one) => {
    const from: JsonObject = asObject(one);
    const text = (name: string): string => (typeof from[name] === "string" ? (from[name] as string) : "");
    return {
      device: text("device"),
      nickname: text("nickname"),
      here: from.here === true,
      active: from.state === "active",
      waits: lastWait(from.waits),
      since: text("since"),
      lastUsed: text("last_used") || null,
    };
  });
}

function lastWait(list: Json | undefined): string | null {
  if (!Array.isArray(list)) return null;
  const ends = list.slice(0, 200).map((one) => asObject(one).until).filter((until): until is string => typeof until === "string");
  return ends.sort().at(-1) ?? null;
}

export function showPhones(app: App, message?: string): void {
  const list = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({ name: "phones", title: t.phones.title, content: [...(message === undefined ? [] : [notice("good", message)]), list] });
  app.gateway.call("GET", "/phone/v1/devices").then(
    (answer) => list.replaceChildren(...draw(app, readPhones(answer.devices))),
    (error: unknown) => list.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

function draw(app: App, phones: KnownPhone[]): Node[] {
  const alone = phones.filter((one) => one.active).length < 2;
  const sorted = [...phones].sort((a, b) => Number(b.here) - Number(a.here));
  return [
    lead(t.phones.lead),
    h(
      "ul",
      { class: "rows" },
      ...sorted.map((one) => {
        const remove = button(one.here ? t.device.unpairShort : t.computers.remove, "quiet", () => (one.here ? showUnpair(app) : showRemove(app, one)));
        remove.setAttribute("aria-label", `${one.here ? t.device.unpairShort : t.computers.remove}: ${foreign(one.nickname).textContent}`);
        return item("phone", foreign(one.nickname, t.common.noName), below(one), remove);
      }),
    ),
    ...(alone ? [notice("info", t.phones.alone)] : []),
    actions(button(t.phones.add, "plain", () => showAnother(app), "phone")),
  ];
}

function below(one: KnownPhone): Node {
  const lines = [
    one.here ? t.phones.here : null,
    one.waits !== null ? t.phones.waits(dateTime(one.waits)) : one.active ? null : t.phones.trial,
    t.phones.since(date(one.since)),
    one.here ? null : one.lastUsed === null ? t.phones.neverSeen : t.computers.lastUsed(dateTime(one.lastUsed)),
  ].filter((line): line is string => line !== null);
  return h("span", { class: "lines" }, ...lines.map((line) => h("span", {}, line)));
}

function showRemove(app: App, one: KnownPhone): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    card(h("ul", { class: "rows" }, item("phone", foreign(one.nickname, t.common.noName), below(one)))),
    lead(t.phones.removeLead),
    notice("info", t.phones.removeLost),
    trouble,
    actions(
      button(t.computers.remove, "danger", () => busy(content, remove)),
      button(t.common.cancel, "plain", () => showPhones(app)),
    ),
  );
  const remove = async (): Promise<void> => {
    try {
      await app.gateway.call("DELETE", `/phone/v1/devices/${encodeURIComponent(one.device)}`);
      showPhones(app, t.phones.removed);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "remove-phone", title: t.phones.removeTitle, back: () => showPhones(app), content: [content] });
}

/** Nothing is done here: the other phone does it, with number, code and usage password. */
function showAnother(app: App): void {
  app.visit({
    name: "another-phone",
    title: t.phones.add,
    back: () => showPhones(app),
    content: [
      lead(t.phones.addLead),
      card(h("ol", { class: "numbered" }, ...t.phones.addSteps(location.host).map((step) => h("li", {}, step)))),
      h("p", {}, h("strong", {}, t.phones.spare), " ", t.phones.spareWhat),
      h("p", {}, h("strong", {}, t.phones.moving), " ", t.phones.movingWhat),
      actions(button(t.common.done, "primary", () => showPhones(app))),
    ],
  });
}
