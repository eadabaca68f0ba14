/** What was asked of this holder's certificates, on whichever phone it was answered; and the evidence of each answer. */

import type { App } from "../app";
import { now } from "../ceremony";
import { asObject, type Json, type JsonObject } from "../encoding";
import { clockTime, day, moment, size, t } from "../strings";
import { MAX_EVIDENCE, verifyRootSigned } from "../trust";
import { foreign, h, holder } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, busy, button, card, chip, facts, item, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";

/** As the gateway tells it; what proves it is the evidence. Times in seconds since 1970. */
export interface Past {
  request: string;
  session: boolean;
  /** It is the consent itself. */
  consent: boolean;
  /** An application made it with the holder's password and a code, under a consent. */
  explicit: boolean;
  credential: string;
  state: string;
  decision: string | null;
  caller: string;
  computer: boolean;
  created: number;
  decided: number | null;
  here: boolean;
  phone: string | null;
  files: { label: string; size: number | null }[];
  count: number;
  done: number;
  purpose: string;
  until: number | null;
}

export function readHistory(list: Json | undefined): Past[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, 100).flatMap((one) => {
    const from: JsonObject = asObject(one);
    const caller: JsonObject = asObject(from.caller);
    const text = (source: JsonObject, name: string): string => (typeof source[name] === "string" ? (source[name] as string) : "");
    const whole = (source: JsonObject, name: string): number => (Number.isSafeInteger(source[name]) ? (source[name] as number) : 0);
    const time = (name: string): number | null => (text(from, name) === "" ? null : Date.parse(text(from, name)) / 1000 || null);
    const created = time("created");
    if (created === null || text(from, "request") === "") return [];
    const consent = from.type === "consent";
    const session = from.type === "session" || consent;
    return [
      {
        request: text(from, "request"),
        session,
        consent,
        explicit: text(from, "consent") !== "",
        credential: text(from, "credential"),
        state: text(from, "state"),
        decision: text(from, "decision") || null,
        caller: text(caller, "name"),
        computer: caller.kind === "computer",
        created,
        decided: time("decided"),
        here: from.here === true,
        phone: text(from, "phone") || null,
        files: (Array.isArray(from.documents) ? from.documents.slice(0, 5) : []).map((file) => {
          const read = asObject(file);
          return { label: text(read, "label"), size: read.size === null ? null : whole(read, "size") };
        }),
        count: whole(from, session ? "maximum" : "count"),
        done: whole(from, session ? "used" : "signed"),
        purpose: text(from, "purpose"),
        until: session ? whole(from, "until") : null,
      },
    ];
  });
}

export function showHistory(app: App): void {
  const list = h("div", { class: "column" });
  const more = h("div", { class: "column" }, h("p", { class: "lead", role: "status" }, t.common.loading));
  let lastDay = "";
  const load = async (before: string | null): Promise<void> => {
    try {
      const answer = await app.gateway.call("GET", `/phone/v1/history${before === null ? "" : `?before=${encodeURIComponent(before)}`}`);
      const found = readHistory(answer.requests);
      for (const one of found) {
        const today = day(one.created);
        if (today !== lastDay) list.append(h("h2", {}, today), h("ul", { class: "rows" }));
        lastDay = today;
        list.lastElementChild?.append(entry(app, one));
      }
      const last = found.at(-1);
      const empty = before === null && found.length === 0;
      more.replaceChildren(
        ...(empty ? [nothing()] : []),
        ...(answer.more === true && last ? [actions(button(t.history.more, "plain", () => busy(more, () => load(last.request))))] : []),
      );
    } catch (error) {
      more.replaceChildren(notice("danger", problemText(error, app.gateway), true), actions(button(t.common.tryAgain, "plain", () => busy(more, () => load(before)))));
    }
  };
  app.visit({ name: "history", title: t.history.title, content: [lead(t.history.lead), list, more] });
  void load(null);
}

function nothing(): HTMLElement {
  return h("div", { class: "empty" }, icon("history"), h("p", { class: "empty-title" }, t.history.none), h("p", { class: "hint" }, t.history.noneWhat));
}

function entry(app: App, one: Past): HTMLElement {
  const open = button(t.history.details, "quiet", () => showPast(app, one));
  const told = stateOf(one);
  open.setAttribute("aria-label", `${t.history.details}: ${foreign(one.caller).textContent}, ${told}, ${moment(one.created)}`);
  const below = h("span", { class: "lines" }, what(one), h("span", {}, clockTime(one.created * 1000)), chip(told, one.state === "approved"));
  return item(one.session ? "history" : "document", foreign(one.caller, t.common.noName), below, open);
}

function what(one: Past): Node {
  if (one.session) return h("span", {}, t.session.upTo(one.count));
  const [first] = one.files;
  if (first === undefined) return h("span", {}, t.approval.documents(one.count));
  return one.count === 1 ? foreign(first.label, t.common.noName) : h("span", {}, foreign(first.label, t.common.noName), ` ${t.history.andMore(one.count - 1)}`);
}

function stateOf(one: Past): string {
  if (one.decision === "refuse:not-me") return t.history.notMe;
  return t.history.states[one.state] ?? one.state;
}

function showPast(app: App, one: Past): void {
  const said = h("div", {});
  const subject = app.profile.bound.find((bound) => bound.id === one.credential)?.subject ?? "";
  const content: HTMLElement = h("div", { class: "column" });
  const keep = async (): Promise<void> => {
    try {
      await download(app, one);
      said.replaceChildren(notice("good", t.history.kept));
    } catch (error) {
      said.replaceChildren(notice("danger", problemText(error, app.gateway), true));
    }
  };
  content.append(
    card(
      facts(
        [t.history.state, stateOf(one)],
        [t.approval.asks, foreign(one.caller, t.common.noName)],
        [t.history.kind, one.computer ? t.approval.computer : t.approval.integrator],
        [t.approval.certificate, holder(subject)],
        [t.history.asked, moment(one.created)],
        ...(one.decided === null ? [] : ([[t.history.answered, moment(one.decided)]] as [string, string][])),
        ...(one.decided === null ? [] : ([[t.history.where, where(one)]] as [string, Node | string][])),
        ...(one.explicit ? ([[t.history.how, t.consents.history]] as [string, string][]) : []),
        ...(one.session ? sessionFacts(one) : []),
      ),
    ),
    ...(one.session ? [] : [files(one)]),
    said,
    ...(one.decided === null && !one.explicit ? [] : [h("p", { class: "hint" }, t.history.evidenceWhat), actions(button(t.history.evidence, "plain", () => busy(content, keep), "download"))]),
  );
  app.visit({ name: "past", title: one.consent ? t.home.kinds.consent : one.session ? t.home.kinds.session : t.home.kinds.sign, back: () => showHistory(app), content: [content] });
}

function where(one: Past): Node | string {
  if (one.here) return t.history.here;
  return one.phone === null ? t.history.elsewhere : foreign(one.phone);
}

function sessionFacts(one: Past): [string, Node | string][] {
  return [
    [t.session.howMany, t.sessions.used(one.done, one.count)],
    [t.session.until, one.until === null ? "" : moment(one.until)],
    [t.session.purpose, foreign(one.purpose, t.session.noPurpose)],
  ];
}

function files(one: Past): HTMLElement {
  return card(
    h("h2", {}, t.approval.documents(one.count)),
    h("ul", { class: "rows" }, ...one.files.map((file) => item("document", foreign(file.label, t.common.noName), size(file.size)))),
    one.count > one.files.length && h("p", { class: "hint" }, t.history.andMore(one.count - one.files.length)),
  );
}

/** Fetched, and checked to be the SAM's, before it is handed over: a file that proves nothing must not be kept for one that does. */
async function download(app: App, one: Past): Promise<void> {
  const { evidence } = await app.gateway.call("GET", `/phone/v1/documents/${encodeURIComponent(one.request)}/evidence`);
  await verifyRootSigned(evidence, "sam", "evidence", app.trust, now(), MAX_EVIDENCE);
  const file = URL.createObjectURL(new Blob([evidence as string], { type: "application/jose" }));
  const link = h("a", { href: file, download: `comprovante-link-id-${one.request}.jws` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
}
