/** EMISSÃO DE CERTIFICADO DIGITAL starts here. The page keeps nothing: its key, and all that was typed, end with it. */

import "../style.css";
import { ApiError, Gateway } from "../api";
import { makeSigningKey, type SigningKey } from "../keys";
import { t } from "../strings";
import { Expired, loadTrust, type Trust } from "../trust";
import { h } from "../ui/dom";
import { icon, mark } from "../ui/icons";
import { actions, button, lead, notice } from "../ui/parts";
import { problemText } from "../ui/problem";
import { Shell, type Screen } from "../ui/shell";
import { showIdentify } from "./identify";
import { EmissionVisit } from "./visit";

export class EmissionPage {
  readonly gateway: Gateway;
  visit: EmissionVisit;
  /** Kept until the usage password is chosen, only to demand that it be another one. */
  installPassword = "";
  private readonly steps: HTMLLIElement[];

  constructor(
    root: HTMLElement,
    private readonly trust: Trust,
    private readonly key: SigningKey,
  ) {
    this.gateway = new Gateway(trust.gateway, key);
    this.visit = new EmissionVisit(this.gateway, trust, key);
    this.steps = t.emission.steps.map((name) => h("li", {}, h("span", { class: "step-mark", "aria-hidden": "true" }), h("span", {}, name)));
    this.shell = new Shell(root, trust.environment, this.side(), t.emission.heading);
  }

  private readonly shell: Shell;

  /** Shows a screen of step `step` (0 to 3). */
  show(step: number, screen: Screen): void {
    this.steps.forEach((item, index) => {
      item.className = index < step || step === t.emission.steps.length - 1 ? "done" : index === step ? "now" : "";
      if (index === step) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      item.firstElementChild?.replaceChildren(...(item.className === "done" ? [icon("check")] : [String(index + 1)]));
    });
    this.shell.show({ ...screen, step: { at: step + 1, of: t.emission.steps.length } });
  }

  /** Puts what went wrong into `place`; what cannot go on is said to start again. */
  failed(error: unknown, place: HTMLElement): void {
    const over = error instanceof Expired || (error instanceof ApiError && [404, 409, 410].includes(error.status));
    const words = error instanceof Expired ? t.emission.expired : problemText(error, this.gateway);
    place.replaceChildren(notice("danger", words, true), over ? actions(button(t.emission.startOver, "plain", () => this.startOver())) : "");
  }

  startOver(message?: string): void {
    this.installPassword = "";
    this.visit = new EmissionVisit(this.gateway, this.trust, this.key);
    showIdentify(this, message);
  }

  private side(): HTMLElement {
    return h(
      "aside",
      { class: "side" },
      h("div", { class: "side-inner" }, h("div", { class: "side-brand" }, mark(), h("span", {}, t.product)), h("nav", { "aria-label": t.emission.stepsLabel }, h("ol", { class: "side-steps" }, ...this.steps)), h("p", { class: "side-foot" }, t.tagline)),
    );
  }
}

async function start(root: HTMLElement): Promise<void> {
  try {
    if (!isSecureContext) throw new TypeError("not secure");
    new EmissionPage(root, await loadTrust(), await makeSigningKey()).startOver();
  } catch {
    new Shell(root, "production").show({
      name: "start-problem",
      title: t.problems.startTitle,
      content: [lead(isSecureContext ? t.problems.noTrust : t.problems.insecure), actions(button(t.common.tryAgain, "primary", () => location.reload()))],
    });
  }
}

const root = document.getElementById("app");
if (root !== null) void start(root);
