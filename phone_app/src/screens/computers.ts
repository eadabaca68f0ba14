/** The computers that may ask, and taking that right away. */

import type { App } from "../app";
import { asObject, type Json, type JsonObject } from "../encoding";
import { dateTime, date, t } from "../strings";
import { foreign, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, field, form, item, lead, notice, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { showScan } from "./scan";

export interface KnownComputer {
  id: string;
  name: string;
  os: string;
  since: string;
  lastUsed: string | null;
}

export function readComputers(list: Json | undefined): KnownComputer[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 200).map((one) => {
    const from: JsonObject = asObject(one);
    const text = (name: string): string => (typeof from[name] === "string" ? (from[name] as string) : "");
    return { id: text("id"), name: text("name"), os: text("os"), since: text("since"), lastUsed: text("last_used") || null };
  });
}

export function showComputers(app: App, message?: string): void {
  const list = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  app.visit({
    name: "computers",
    title: t.computers.title,
    content: [...(message === undefined ? [] : [notice("good", message)]), list],
  });
  app.gateway.call("GET", "/phone/v1/device").then(
    (answer) => list.replaceChildren(...drawComputers(app, readComputers(answer.computers))),
    (error: unknown) => list.replaceChildren(notice("danger", problemText(error, app.gateway), true)),
  );
}

function drawComputers(app: App, computers: KnownComputer[]): Node[] {
  if (computers.length === 0) {
    return [
      h("div", { class: "empty" }, icon("computer"), h("p", { class: "empty-title" }, t.computers.none), h("p", { class: "hint" }, t.computers.noneWhat)),
      actions(button(t.home.scan, "primary", () => showScan(app), "scan")),
    ];
  }
  return [
    lead(t.computers.lead),
    h(
      "ul",
      { class: "rows" },
      ...computers.map((one) => {
        const remove = button(t.computers.remove, "quiet", () => showRemove(app, one));
        remove.setAttribute("aria-label", `${t.computers.remove}: ${foreign(one.name).textContent}`);
        const rename = button(t.computers.rename, "quiet", () => showRename(app, one));
        rename.setAttribute("aria-label", `${t.computers.rename}: ${foreign(one.name).textContent}`);
        return item("computer", called(app, one), below(app, one), h("span", { class: "row-ends" }, rename, remove));
      }),
    ),
  ];
}

/** As the holder calls it, or as it calls itself. */
function called(app: App, one: KnownComputer): Node {
  return foreign(app.petname(one.id) ?? one.name, t.common.noName);
}

function below(app: App, one: KnownComputer): Node {
  const own = app.petname(one.id) === null ? null : h("span", {}, t.computers.itsName, foreign(one.name, t.common.noName));
  const lines = [t.computers.since(date(one.since)), one.lastUsed === null ? t.computers.never : t.computers.lastUsed(dateTime(one.lastUsed))];
  return h("span", { class: "lines" }, own, foreign(one.os), ...lines.map((line) => h("span", {}, line)));
}

function showRemove(app: App, one: KnownComputer): void {
  const trouble = h("div", {});
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    card(h("ul", { class: "rows" }, item("computer", called(app, one), below(app, one)))),
    lead(t.computers.removeLead),
    trouble,
    actions(
      button(t.computers.remove, "danger", () => busy(content, remove)),
      button(t.common.cancel, "plain", () => showComputers(app)),
    ),
  );
  const remove = async (): Promise<void> => {
    try {
      await app.gateway.call("DELETE", `/phone/v1/computers/${encodeURIComponent(one.id)}`);
      await app.callComputer(one.id, "");
      await app.forgetCaller(one.id);
      showComputers(app, t.computers.removed);
    } catch (error) {
      trouble.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  app.visit({ name: "remove-computer", title: t.computers.removeTitle, back: () => showComputers(app), content: [content] });
}

/** A name of the holder's own, on this phone alone: what the computer says of itself, and the SAM vouches for, stays beside it. */
function showRename(app: App, one: KnownComputer): void {
  const name = field(t.computers.renameLabel, { hint: t.computers.renameHint, attributes: { maxlength: 40, autocomplete: "off", autocapitalize: "sentences", "data-focus": true } });
  name.input.value = app.petname(one.id) ?? "";
  const keep = async (): Promise<void> => {
    await app.callComputer(one.id, name.input.value.trim());
    showComputers(app, t.computers.renamed);
  };
  app.visit({
    name: "rename-computer",
    title: t.computers.renameTitle,
    back: () => showComputers(app),
    content: [
      card(h("ul", { class: "rows" }, item("computer", foreign(one.name, t.common.noName), below(app, one)))),
      lead(t.computers.renameLead),
      form(keep, name.element, actions(submitButton(t.common.confirm))),
    ],
  });
}
