/** The usage password, chosen twice under rules that tell how far they are met, and what happens then. */

import { ApiError } from "../api";
import { t } from "../strings";
import { h } from "../ui/dom";
import { icon } from "../ui/icons";
import { actions, button, form, lead, notice, passwordField, submitButton } from "../ui/parts";
import type { EmissionPage } from "./page";
import { showSuccess } from "./success";
import type { KeyRequest } from "./visit";
import { weakness, type About } from "./weakness";

const words = t.emission.password;

interface Rule {
  text: string;
  holds: (first: string, second: string) => boolean;
  /** What to say instead of the rule's text when it is broken. */
  broken?: (first: string) => string;
}

export function passwordRules(installPassword: string, about: About): Rule[] {
  const whyWeak = (first: string): string => {
    const why = weakness(first, about);
    return why === null ? "" : `${words.weak[why]} ${words.weakAdvice}`;
  };
  return [
    { text: words.length, holds: (first) => first.length >= 8 && first.length <= 15 },
    { text: words.ascii, holds: (first) => /^[A-Za-z0-9]+$/.test(first) },
    { text: words.notInstall, holds: (first) => first !== "" && first !== installPassword },
    { text: words.notWeak, holds: (first) => first.length >= 8 && weakness(first, about) === null, broken: whyWeak },
    { text: words.equal, holds: (first, second) => first !== "" && first === second },
  ];
}

export function showPassword(page: EmissionPage, wanted: KeyRequest, about: About): void {
  const first = passwordField(words.label);
  const second = passwordField(words.repeat, "");
  first.input.dataset.focus = "";
  const rules = passwordRules(page.installPassword, about);
  const lines = rules.map((rule) => ({ rule, line: h("li", {}), said: h("span", { class: "unseen" }) }));
  const draw = (): void => {
    for (const { rule, line, said } of lines) {
      const met = rule.holds(first.input.value, second.input.value);
      line.className = met ? "met" : "";
      said.textContent = ` (${met ? words.met : words.unmet})`;
      line.replaceChildren(h("span", { class: "rule-mark", "aria-hidden": "true" }, met && icon("check")), h("span", {}, rule.text, said));
    }
  };
  first.input.addEventListener("input", draw);
  second.input.addEventListener("input", draw);
  draw();
  const submit = async (): Promise<void> => {
    const broken = rules.find((rule) => !rule.holds(first.input.value, second.input.value));
    if (broken) {
      const why = broken.broken?.(first.input.value) || `${words.rules} ${broken.text}.`;
      return (broken.text === words.equal ? second : first).complain(why);
    }
    await emit(page, wanted, first.input.value);
  };
  page.show(2, {
    name: "password",
    title: words.title,
    content: [
      lead(words.lead),
      notice("warning", words.warning),
      form(
        submit,
        first.element,
        second.element,
        h("div", { class: "rules" }, h("p", { class: "hint" }, `${words.rules}:`), h("ul", {}, ...lines.map(({ line }) => line))),
        actions(submitButton(words.confirm)),
      ),
    ],
  });
}

const PHASES = ["stretch", "key", "certificate"] as const;

/** From the password to the certificate, told step by step. Only the first step is ours; the others are one call. */
async function emit(page: EmissionPage, wanted: KeyRequest, password: string): Promise<void> {
  const items = PHASES.map((phase) => h("li", {}, h("span", { class: "rule-mark", "aria-hidden": "true" }), t.emission.progress[phase]));
  const told = h("p", { class: "unseen", role: "status" });
  const at = (index: number): void => {
    items.forEach((item, position) => {
      item.className = position < index ? "met" : position === index ? "now" : "";
      item.firstElementChild?.replaceChildren(...(position < index ? [icon("check")] : position === index ? [h("span", { class: "spinner" })] : []));
    });
    told.textContent = items[index]?.textContent ?? "";
  };
  const leaving = (event: BeforeUnloadEvent): void => event.preventDefault();
  window.addEventListener("beforeunload", leaving);
  let timer: ReturnType<typeof setTimeout> | undefined;
  page.show(2, {
    name: "progress",
    title: t.emission.progress.title,
    content: [lead(t.emission.progress.lead), h("ol", { class: "phases" }, ...items), told],
  });
  at(0);
  try {
    const certificate = await page.visit.setPassword(wanted, password, (phase) => {
      at(phase === "stretching" ? 0 : 1);
      if (phase === "sending") timer ??= setTimeout(() => at(2), 2_500);
    });
    page.installPassword = "";
    showSuccess(page, certificate);
  } catch (error) {
    const trouble = h("div", {});
    page.failed(error, trouble);
    // An answer that was lost may be asked for again; any other refusal is final for this emission.
    const again = !(error instanceof ApiError) && button(t.common.tryAgain, "primary", () => void emit(page, wanted, password));
    page.show(2, {
      name: "emission-problem",
      title: t.problems.title,
      content: [trouble, actions(again, button(t.emission.startOver, "plain", () => page.startOver()))],
    });
  } finally {
    clearTimeout(timer);
    window.removeEventListener("beforeunload", leaving);
  }
}
