/** Home: what waits first, then what this phone can do and knows. */

import type { App, Decided } from "../app";
import { now, type Opened } from "../ceremony";
import { isRequest } from "../documents";
import type { KnownCredential } from "../keystore";
import { clock, clockTime, date, daysLeft, product, t } from "../strings";
import { foreign, h, holder } from "../ui/dom";
import { icon, type IconName } from "../ui/icons";
import { busy, button, chip, item, notice, row } from "../ui/parts";
import { isUnpaired, problemText } from "../ui/problem";
import type { PhoneType } from "../ceremony";
import { heldCard, readHeld } from "./admission";
import { blockedCard, readBlocked, showBlock } from "./block";
import { readCredentials } from "./code";
import { showCodes } from "./codes";
import { readComputers, showComputers } from "./computers";
import { readConsents, showConsents } from "./consents";
import { showCredential, showTest } from "./credential";
import { showDevice } from "./device";
import { showHistory } from "./history";
import { showPhones } from "./phones";
import { showWarning } from "./warning";
import { showByHand, showFound, showScan } from "./scan";
import { readSessions, showSessions } from "./sessions";

const SYMBOLS: Record<PhoneType, IconName> = { sign: "document", session: "history", associate: "computer", identify: "system", test: "phone", pair: "certificate", unblock: "lock", generator: "lock", admit: "phone", passkey: "lock", "passkey-end": "lock", consent: "system" };

/** Requests already opened by themselves once: going back from one must not open it again. */
const opened = new Set<string>();

export function showHome(app: App): void {
  const waiting = h("section", { class: "waiting" });
  const certificates = h("ul", { class: "rows" });
  const computers = h("span", {});
  const sessions = h("div", {});
  const explicit = h("div", { class: "rows", hidden: true });
  const held = h("section", { class: "warnings", "aria-label": t.admission.heldTitle, hidden: true });
  const blocked = h("section", { class: "warnings", "aria-label": t.block.standing, hidden: true });
  const live = h("span", { class: "live", role: "status" });
  const trouble = h("div", {});
  const warned = h("section", { class: "warnings", "aria-label": t.warning.title, hidden: true });
  const drawLive = (): void => {
    live.className = `live ${app.liveState}`;
    live.replaceChildren(h("span", { class: "live-dot", "aria-hidden": "true" }), t.home.live[app.liveState]);
  };
  // Drawn anew only when it changed: whoever is on a row with the keyboard or a screen reader stays there.
  let drawn = "";
  const drawWaiting = (): void => {
    const items = app.inbox.items.filter((one) => one.expires > now());
    const key = items.map((one) => one.document.id).join(" ");
    if (key !== drawn || waiting.childElementCount === 0) waiting.replaceChildren(...waitingRows(app, items));
    drawn = key;
    for (const one of items) {
      const left = waiting.querySelector(`[data-left="${CSS.escape(one.document.id)}"]`);
      if (left) left.textContent = t.common.expiresIn(clock(one.expires - Date.now() / 1000));
    }
  };
  const drawWarnings = (): void => {
    warned.replaceChildren(...app.warnings.items.map((one) => showWarning(app, one)));
    warned.hidden = app.warnings.items.length === 0;
  };
  const drawTroubles = (): void => trouble.replaceChildren(...troubles(app));
  const timer = setInterval(drawWaiting, 1000);
  const stop = app.inbox.listen((arrived) => {
    drawWaiting();
    drawTroubles();
    const next = arrived[0];
    if (next && app.inbox.items.length === 1 && document.visibilityState === "visible" && !opened.has(next.document.id)) openItem(app, next);
  });
  app.onLiveState = drawLive;
  drawLive();
  drawWaiting();
  drawTroubles();
  drawWarnings();
  const stopWarnings = app.warnings.listen(drawWarnings);
  app.shell.withdraw();
  drawCertificates(app, certificates, app.profile.bound.map((one) => ({ ...one, kind: "", valid_to: null, state: "active" })));
  const notBound = (app.profile.known ?? []).filter((one) => !app.profile.bound.some((bound) => bound.id === one.id));
  app.shell.show({
    name: "home",
    title: t.home.title,
    bare: true,
    wide: true,
    leave: () => {
      clearInterval(timer);
      stop();
      stopWarnings();
      app.onLiveState = () => undefined;
    },
    content: [
      h("div", { class: "greeting" }, h("p", { class: "greeting-name" }, foreign(app.profile.nickname ?? t.device.title)), live),
      trouble,
      held,
      blocked,
      warned,
      h(
        "div",
        { class: "two" },
        h(
          "div",
          { class: "column" },
          waiting,
          sessions,
          h("div", { class: "scan-actions" }, button(t.home.scan, "primary", () => showScan(app), "scan"), button(t.home.byHand, "plain", () => showByHand(app), "keyboard")),
        ),
        h(
          "div",
          { class: "column" },
          h("section", {}, h("h2", {}, t.home.certificates), certificates, notBound.length > 0 && button(t.home.addCertificate, "quiet", () => void addCertificate(app, notBound))),
          h("div", { class: "rows" }, row("computer", t.home.computers, computers, () => showComputers(app)), row("phone", t.phones.title, t.phones.rowWhat, () => showPhones(app)), row("phone", t.home.device, foreign(app.profile.nickname ?? ""), () => showDevice(app)), row("history", t.history.title, t.history.rowWhat, () => showHistory(app)), row("lock", t.block.button, t.block.buttonWhat, () => showBlock(app))),
          explicit,
        ),
      ),
      historySection(app.history),
    ].filter((part): part is HTMLElement => part !== null),
  });
  app.live.start();
  app.refresh();
  void refreshDevice(app, certificates, computers, blocked, held);
  void refreshSessions(app, sessions);
  void refreshExplicit(app, explicit);
}

export function wasOpened(statement: Opened): boolean {
  return opened.has(statement.document.id);
}

export function openItem(app: App, statement: Opened): void {
  opened.add(statement.document.id);
  if (statement.document.type === "test") showTest(app, statement as Opened<"test">);
  else showFound(app, statement);
}

function waitingRows(app: App, items: Opened[]): Node[] {
  if (items.length === 0) {
    return [h("div", { class: "empty" }, icon("check"), h("p", { class: "empty-title" }, t.home.nothing), h("p", { class: "hint" }, t.home.nothingWhat))];
  }
  return [
    h("h2", {}, t.home.waiting),
    h(
      "div",
      { class: "rows urgent" },
      ...items.map((one) => {
        const left = h("span", { "data-left": one.document.id });
        return row(SYMBOLS[one.document.type], t.home.kinds[one.document.type], h("span", { class: "lines" }, who(one), left), () => openItem(app, one));
      }),
    ),
  ];
}

function who(statement: Opened): Node {
  const document = statement.document;
  if (isRequest(document)) return foreign(document.caller.name, t.common.noName);
  if (document.type === "associate") return foreign(document.computer.name, t.common.noName);
  if (document.type === "identify") return foreign(document.integrator.name, t.common.noName);
  return holder(document.subject);
}

function troubles(app: App): Node[] {
  const problem = app.inbox.problem;
  const made: Node[] = [];
  if (problem !== null) made.push(notice("warning", problemText(problem, app.gateway)));
  if (isUnpaired(problem)) {
    const again = h("div", {}, button(t.problems.pairAgain, "primary", () => void busy(again, () => app.forget())));
    made.push(again);
  }
  if (app.inbox.discarded > 0) made.push(notice("danger", t.home.discarded));
  return made;
}

async function refreshDevice(app: App, certificates: HTMLElement, computers: HTMLElement, blocked: HTMLElement, held: HTMLElement): Promise<void> {
  try {
    const answer = await app.gateway.call("GET", "/phone/v1/device");
    const shut = readBlocked(answer.bindings);
    const known = readCredentials(answer.bindings);
    drawCertificates(app, certificates, known.map((one) => (shut.some((each) => each.credential === one.id) ? { ...one, state: "blocked" } : one)));
    app.learnTries(answer.bindings);
    blocked.replaceChildren(...shut.map((one) => blockedCard(app, one)));
    blocked.hidden = shut.length === 0;
    const waits = readHeld(answer.bindings);
    held.replaceChildren(...waits.map(heldCard));
    held.hidden = waits.length === 0;
    computers.textContent = t.home.computersCount(readComputers(answer.computers).length);
  } catch {
    // What is known stays on the screen; that we are not connected is said by the live mark and the inbox.
  }
}

/** Only when there are some: whoever has none need not know the word. */
async function refreshSessions(app: App, place: HTMLElement): Promise<void> {
  try {
    const open = readSessions((await app.gateway.call("GET", "/phone/v1/sessions")).sessions);
    place.replaceChildren(...(open.length === 0 ? [] : [h("div", { class: "rows" }, row("history", t.sessions.title, t.sessions.count(open.length), () => showSessions(app)))]));
  } catch {
    // As with the rest of home: what is not known is not shown.
  }
}

/** Only where this service takes factors from applications; codes also where there is no network to ask. */
async function refreshExplicit(app: App, place: HTMLElement): Promise<void> {
  const codes = row("lock", t.codes.title, t.codes.rowWhat, () => showCodes(app));
  const draw = (...rows: HTMLElement[]): void => {
    place.replaceChildren(...rows);
    place.hidden = rows.length === 0;
  };
  const kept = await Promise.all(app.profile.bound.map((one) => app.keystore.generator(one.id)));
  if (kept.some((key) => key !== undefined)) draw(codes);
  try {
    const answer = await app.gateway.call("GET", "/phone/v1/consents");
    const given = readConsents(answer.consents);
    if (answer.offered === true) draw(codes, ...(given.length === 0 ? [] : [row("system", t.consents.title, t.consents.rowWhat, () => showConsents(app))]));
    else draw();
  } catch {
    // Without network the codes that this phone has go on.
  }
}

function drawCertificates(_app: App, list: HTMLElement, credentials: KnownCredential[]): void {
  if (credentials.length === 0) return list.replaceChildren(h("li", { class: "hint" }, t.home.noCertificates));
  list.replaceChildren(
    ...credentials.map((one) => {
      const validity = one.valid_to === null ? null : t.credential.validTo(date(one.valid_to));
      const below = [product(one.kind), validity].filter(Boolean).join(" · ");
      const days = one.valid_to === null || (one.state !== "active" && one.state !== "blocked") ? null : daysLeft(one.valid_to);
      const ends = days === null || days > SOON[0] ? null : days;
      const lines = h("span", { class: "lines" }, below === "" ? null : foreign(below), days === null ? null : ends === null ? h("span", {}, t.credential.daysLeft(days)) : h("span", { class: "ends" }, ending(ends)));
      const state = ends !== null && ends < 0 ? "expired" : one.state;
      return item("certificate", holder(one.subject), lines, chip(t.home.state[state] ?? state, state !== "active" ? "calm" : ends === null ? "good" : "soon"));
    }),
  );
}

/** Days before the end from which on it is said; then that there is little time; then that it is urgent. */
const SOON = [30, 15, 5] as const;

function ending(days: number): string {
  if (days < 0) return t.credential.over;
  if (days > SOON[1]) return t.credential.endsIn(days);
  return days > SOON[2] ? t.credential.endsSoon(days) : t.credential.endsNow(days);
}

async function addCertificate(app: App, credentials: KnownCredential[]): Promise<void> {
  await app.save({ step: { at: "credential", credentials } });
  showCredential(app);
}

/** What was decided since the app opened, on this phone; the whole history is a screen of its own. */
function historySection(history: Decided[]): HTMLElement | null {
  if (history.length === 0) return null;
  const rows = history
    .slice(0, 20)
    .map((one) =>
      item(
        SYMBOLS[one.document.type],
        t.home.kinds[one.document.type],
        h("span", { class: "lines" }, who({ document: one.document } as Opened), h("span", {}, clockTime(one.at))),
        chip(one.approved ? t.history.approved : t.history.refused, one.approved),
      ),
    );
  return h("section", {}, h("h2", {}, t.home.history), h("ul", { class: "rows" }, ...rows));
}
