/** The pieces screens are made of. Each is an element, or an element with the few things a screen does to it. */

import { clock, t } from "../strings";
import { foreign, freshId, h } from "./dom";
import { icon, type IconName } from "./icons";
import { isPassword } from "../proof";

export type Kind = "primary" | "plain" | "danger" | "quiet";

export function button(label: string, kind: Kind, onclick: (event: MouseEvent) => unknown, symbol?: IconName): HTMLButtonElement {
  return h("button", { type: "button", class: `button ${kind}`, onclick }, symbol && icon(symbol), h("span", {}, label));
}

export function submitButton(label: string): HTMLButtonElement {
  return h("button", { type: "submit", class: "button primary" }, h("span", {}, label));
}

export function lead(text: string): HTMLElement {
  return h("p", { class: "lead" }, text);
}

export function actions(...children: (Node | null | false)[]): HTMLElement {
  return h("div", { class: "actions" }, ...children);
}

export function card(...children: (Node | null | false)[]): HTMLElement {
  return h("section", { class: "card" }, ...children);
}

/** A sentence that stands out. `alert` interrupts a screen reader; the others wait. */
export function notice(tone: "info" | "warning" | "danger" | "good", text: string | Node, alert = false): HTMLElement {
  const symbol: IconName = tone === "info" ? "info" : tone === "good" ? "check" : "warning";
  return h("div", { class: `notice ${tone}`, role: alert ? "alert" : null }, icon(symbol), h("div", {}, text));
}

/** Pairs of name and value; a value that is a string is ours, one that is a node may be foreign. */
export function facts(...pairs: [string, Node | string][]): HTMLElement {
  return h("dl", { class: "facts" }, ...pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export interface Field {
  element: HTMLElement;
  input: HTMLInputElement;
  /** Shows an error under the input, says it, and moves there; null takes it away. */
  complain(text: string | null): void;
}

interface FieldOptions {
  hint?: string;
  attributes?: Record<string, string | number | boolean>;
  after?: Node;
}

export function field(label: string, options: FieldOptions = {}): Field {
  const id = freshId("field");
  const hint = options.hint ? h("p", { class: "hint", id: `${id}-hint` }, options.hint) : null;
  const error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
  const input = h("input", {
    id,
    type: "text",
    "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-error`,
    ...options.attributes,
  });
  const box = h("div", { class: "input-box" }, input, options.after);
  const element = h("div", { class: "field" }, h("label", { for: id }, label), box, hint, error);
  const complain = (text: string | null): void => {
    error.replaceChildren(...(text === null ? [] : [icon("warning"), text]));
    element.classList.toggle("wrong", text !== null);
    if (text === null) input.removeAttribute("aria-invalid");
    else {
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  };
  input.addEventListener("input", () => {
    if (input.hasAttribute("aria-invalid")) complain(null);
  });
  return { element, input, complain };
}

export interface PasswordField extends Field {
  /** The password if it has the right form, else null after complaining. */
  value(): string | null;
  clear(): void;
}

/**
 * A password that only its owner keeps: password managers are asked to stay out, because whoever unlocks the phone would then
 * have it too.
 */
export function passwordField(label: string = t.password.label, hint: string = t.password.hint, invalid: string = t.password.invalid): PasswordField {
  const toggle = h("button", { type: "button", class: "reveal", "aria-label": t.common.showPassword, "aria-pressed": "false" }, icon("eye"));
  const made = field(label, {
    hint,
    after: toggle,
    attributes: {
      type: "password",
      maxlength: 15,
      autocomplete: "off",
      autocapitalize: "none",
      autocorrect: "off",
      spellcheck: "false",
      "data-1p-ignore": true,
      "data-lpignore": "true",
      "data-bwignore": true,
    },
  });
  toggle.addEventListener("click", () => {
    const shown = made.input.type === "text";
    made.input.type = shown ? "password" : "text";
    toggle.setAttribute("aria-pressed", String(!shown));
    toggle.setAttribute("aria-label", shown ? t.common.showPassword : t.common.hidePassword);
    toggle.replaceChildren(icon(shown ? "eye" : "eyeOff"));
    made.input.focus();
  });
  return {
    ...made,
    value() {
      if (isPassword(made.input.value)) return made.input.value;
      made.complain(invalid);
      return null;
    },
    clear() {
      made.input.value = "";
    },
  };
}

/** What must be done beside the password before a yes counts. */
export interface Gate {
  element: HTMLElement;
  /** Whether it was; else it has complained. */
  given: () => boolean;
}

/** The box that must be ticked, each time anew, before something dangerous is approved. */
export function tick(danger: string, label: string, missing: string): Gate {
  const id = freshId("tick");
  const box = h("input", { type: "checkbox", id, "aria-describedby": `${id}-error` });
  const error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
  box.addEventListener("change", () => {
    if (!box.checked) return;
    box.removeAttribute("aria-invalid");
    error.replaceChildren();
  });
  const element = h("div", { class: "without-key" }, notice("danger", danger), h("label", { class: "tick", for: id }, box, h("span", {}, label)), error);
  return {
    element,
    given: () => {
      if (box.checked) return true;
      error.replaceChildren(icon("warning"), missing);
      box.setAttribute("aria-invalid", "true");
      box.focus();
      return false;
    },
  };
}

/** A form that never leaves the page. `onsubmit` runs once at a time; meanwhile its controls are disabled. */
export function form(onsubmit: () => Promise<void>, ...children: (Node | null | false)[]): HTMLFormElement {
  const element = h("form", { novalidate: true, autocomplete: "off" }, ...children);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(element, onsubmit);
  });
  return element;
}

/** Runs `work` with every control of `element` disabled and the element marked as busy; does nothing while one is running. */
export async function busy(element: HTMLElement, work: () => Promise<void>): Promise<void> {
  if (element.getAttribute("aria-busy") === "true") return;
  const focused = document.activeElement as HTMLElement | null;
  const controls = [...element.querySelectorAll<HTMLButtonElement | HTMLInputElement>("button, input")].filter((one) => !one.disabled);
  element.setAttribute("aria-busy", "true");
  for (const control of controls) control.disabled = true;
  try {
    await work();
  } finally {
    element.removeAttribute("aria-busy");
    for (const control of controls) control.disabled = false;
    // A disabled control cannot take the focus, and loses it: what was complained about gets it now, or who had it before.
    const invalid = element.querySelector<HTMLElement>("[aria-invalid]");
    if (invalid) invalid.focus();
    else if (focused?.isConnected && (document.activeElement === null || document.activeElement === document.body)) focused.focus();
  }
}

export interface Progress {
  element: HTMLElement;
  say(text: string | null): void;
}

/** A line that says what is being done, with a moving mark; screen readers hear each change. */
export function progress(): Progress {
  const text = h("span", {});
  const element = h("p", { class: "progress", role: "status", hidden: true }, h("span", { class: "spinner", "aria-hidden": "true" }), text);
  return {
    element,
    say(words) {
      element.hidden = words === null;
      text.textContent = words ?? "";
    },
  };
}

/** Seconds before the end at which a screen reader is told. */
const TOLD_AT = [60, 30, 10];

export interface Countdown {
  element: HTMLElement;
  stop(): void;
}

/** The time left until `until` (seconds since 1970), as words and as a bar; `over` is called at the end. */
export function countdown(from: number, until: number, over: () => void): Countdown {
  const words = h("span", { class: "countdown-words" });
  const bar = h("span", { class: "countdown-bar" });
  const told = h("span", { class: "unseen", role: "status" });
  const element = h("div", { class: "countdown" }, icon("clock"), words, h("span", { class: "countdown-track", "aria-hidden": "true" }, bar), told);
  const pending = new Set(TOLD_AT);
  const tick = (): void => {
    const left = until - Date.now() / 1000;
    words.textContent = left > 0 ? t.common.expiresIn(clock(left)) : t.common.expired;
    bar.style.setProperty("--left", String(Math.max(0, Math.min(1, left / Math.max(1, until - from)))));
    element.classList.toggle("soon", left <= 30);
    for (const mark of TOLD_AT) {
      if (left <= mark && pending.delete(mark) && left > mark - 5) told.textContent = t.common.secondsLeft(mark);
    }
    if (left <= 0) {
      clearInterval(timer);
      over();
    }
  };
  const timer = setInterval(tick, 500);
  tick();
  return { element, stop: () => clearInterval(timer) };
}

/** A code to be compared or typed elsewhere: large, and read digit by digit. */
export function bigCode(label: string, code: string): HTMLElement {
  const spelled = [...code].join(" ");
  return h(
    "div",
    { class: "big-code" },
    h("span", { class: "big-code-label" }, label),
    h("span", { class: "big-code-digits" }, h("span", { "aria-hidden": "true" }, foreign(code)), h("span", { class: "unseen" }, spelled)),
  );
}

/** A row that is a button: symbol, title, what it says below, and an arrow. */
export function row(symbol: IconName, title: Node | string, below: Node | string | null, onclick: () => unknown): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "row", onclick },
    h("span", { class: "row-symbol" }, icon(symbol)),
    h("span", { class: "row-text" }, h("span", { class: "row-title" }, title), below !== null && h("span", { class: "row-below" }, below)),
    icon("next"),
  );
}

/** A word about a state. */
export function chip(text: string, tone: boolean | "good" | "calm" | "soon"): HTMLElement {
  return h("span", { class: `chip ${typeof tone === "string" ? tone : tone ? "good" : "calm"}` }, foreign(text));
}

/** The same without an action. */
export function item(symbol: IconName, title: Node | string, below: Node | string | null, end?: Node): HTMLElement {
  return h(
    "li",
    { class: "row" },
    h("span", { class: "row-symbol" }, icon(symbol)),
    h(
      "span",
      { class: "row-main" },
      h("span", { class: "row-text" }, h("span", { class: "row-title" }, title), below !== null && h("span", { class: "row-below" }, below)),
      end,
    ),
  );
}
