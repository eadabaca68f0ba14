/** The box “Não sou um robô”: a real checkbox, whose work starts when it is ticked. */

import type { Gateway } from "../api";
import { t } from "../strings";
import { freshId, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { solveCaptcha } from "./captcha";

export interface Robot {
  element: HTMLElement;
  /** The solved captcha, or null after complaining that it is missing. Serves once. */
  take(): string | null;
  /** Back to the beginning. */
  reset(): void;
  /** Not needed now: an emission is begun already. */
  setNeeded(needed: boolean): void;
}

const words = t.emission.identify;

export function robot(gateway: Gateway): Robot {
  const id = freshId("robot");
  let solved: string | null = null;
  let round = 0;
  const box = h("input", { type: "checkbox", id, "aria-describedby": `${id}-state ${id}-error` });
  const state = h("span", { class: "robot-state", id: `${id}-state`, role: "status" }, words.robotIdle);
  const sign = h("span", { class: "robot-sign", "aria-hidden": "true" });
  const error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
  const element = h(
    "div",
    { class: "robot" },
    h("div", { class: "robot-box" }, h("span", { class: "robot-tick" }, box, sign), h("label", { for: id }, words.robot), state),
    h("p", { class: "hint" }, words.robotWhat),
    error,
  );
  const show = (name: "idle" | "working" | "done", text: string): void => {
    element.dataset.state = name;
    state.textContent = text;
    sign.replaceChildren(...(name === "done" ? [icon("check")] : []));
  };
  const complain = (text: string | null): void => {
    error.replaceChildren(...(text === null ? [] : [icon("warning"), text]));
    if (text === null) box.removeAttribute("aria-invalid");
    else box.setAttribute("aria-invalid", "true");
  };
  const reset = (): void => {
    round += 1;
    solved = null;
    box.checked = false;
    show("idle", words.robotIdle);
  };
  const solve = async (): Promise<void> => {
    const mine = (round += 1);
    complain(null);
    show("working", words.robotWorking);
    try {
      const answer = await solveCaptcha(gateway);
      if (mine !== round) return;
      solved = answer;
      show("done", words.robotDone);
    } catch {
      if (mine !== round) return;
      reset();
      complain(words.robotFailed);
    }
  };
  box.addEventListener("change", () => {
    if (box.checked) void solve();
    else reset();
  });
  show("idle", words.robotIdle);
  return {
    element,
    take() {
      if (solved === null) {
        complain(box.checked ? words.robotWorking : words.robotMissing);
        box.focus();
        return null;
      }
      const taken = solved;
      complain(null);
      return taken;
    },
    reset,
    setNeeded(needed) {
      element.hidden = !needed;
    },
  };
}
