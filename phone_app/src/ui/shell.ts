/**
 * The frame around every screen: the mark, the way back, one heading that takes the focus when a screen comes, one place where
 * things are announced.
 */

import { t } from "../strings";
import { h } from "./dom";
import { icon, mark } from "./icons";
import { button } from "./parts";

export interface Screen {
  /** Names the screen for people, the window and the tests; never foreign text. */
  title: string;
  /** For styles and tests. */
  name: string;
  content: Node[];
  /** Goes back; absent where there is no back. */
  back?: () => void;
  /** How far a sequence has come. */
  step?: { at: number; of: number };
  /** Called when another screen comes. */
  leave?: () => void;
  /** The title is shown by the content itself. */
  bare?: boolean;
  /** Uses the whole width that there is. */
  wide?: boolean;
}

export class Shell {
  private current: Screen | undefined;
  /** Called after each screen that is shown. */
  onShown: () => void = () => undefined;
  private readonly main = h("main", { id: "main", tabindex: "-1" });
  private readonly header = h("header", { class: "bar" });
  private readonly banner = h("div", { class: "banners" });
  private readonly live = h("div", { class: "unseen", "aria-live": "polite" });

  /** `side` stands beside the screens where there is room; `eyebrow` above each title. */
  constructor(
    root: HTMLElement,
    environment: string,
    side: HTMLElement = promise(),
    private readonly eyebrow: string | null = null,
  ) {
    const ribbon = environment === "production" ? null : h("footer", { class: "ribbon" }, t.common.development);
    root.replaceChildren(side, h("div", { class: "stage" }, this.header, this.banner, this.main, ribbon), this.live);
  }

  get name(): string | undefined {
    return this.current?.name;
  }

  show(screen: Screen): void {
    this.current?.leave?.();
    this.current = screen;
    const heading = h("h1", { tabindex: "-1", class: screen.bare ? "unseen" : null }, screen.title);
    this.header.replaceChildren(...this.top(screen));
    this.main.className = screen.wide ? "wide" : "";
    this.main.dataset.screen = screen.name;
    const above = [screen.step && stepBar(screen.step), this.eyebrow !== null && h("p", { class: "eyebrow" }, this.eyebrow)];
    this.main.replaceChildren(...above.filter((one) => one instanceof HTMLElement), heading, ...screen.content);
    document.title = `${screen.title} · ${t.product}`;
    window.scrollTo(0, 0);
    const wanted = this.main.querySelector<HTMLElement>("[data-focus]") ?? heading;
    wanted.focus({ preventScroll: true });
    this.onShown();
  }

  /** Says `text` to whoever listens, without moving anything. */
  announce(text: string): void {
    this.live.replaceChildren();
    setTimeout(() => this.live.replaceChildren(text), 50);
  }

  /** A line above the screen with one thing to do. */
  offer(text: string, label: string, act: () => void): void {
    this.banner.replaceChildren(h("div", { class: "banner", role: "status" }, h("span", {}, text), button(label, "quiet", act)));
  }

  /** Takes the offer away again. */
  withdraw(): void {
    this.banner.replaceChildren();
  }

  private top(screen: Screen): Node[] {
    const back = screen.back;
    const left = back
      ? h("button", { type: "button", class: "icon-button", "aria-label": t.common.back, onclick: () => back() }, icon("back"))
      : h("span", { class: "icon-space" });
    return [left, h("span", { class: "brand" }, mark(), h("span", {}, t.product)), h("span", { class: "icon-space" })];
  }
}

/** What the product promises, for whoever opens the app on a wide screen. */
function promise(): HTMLElement {
  return h(
    "aside",
    { class: "side" },
    h(
      "div",
      { class: "side-inner" },
      h("div", { class: "side-brand" }, mark(), h("span", {}, t.product)),
      h("p", { class: "side-tagline" }, t.promise.title),
      h("ul", {}, ...t.promise.points.map((point) => h("li", {}, icon("check"), h("span", {}, point)))),
      h("p", { class: "side-foot" }, t.tagline),
    ),
  );
}

function stepBar(step: { at: number; of: number }): HTMLElement {
  const dots = Array.from({ length: step.of }, (_, index) => h("span", { class: index < step.at ? "done" : null }));
  return h("div", { class: "steps" }, h("span", { class: "steps-dots", "aria-hidden": "true" }, ...dots), h("span", { class: "steps-words" }, t.common.step(step.at, step.of)));
}
