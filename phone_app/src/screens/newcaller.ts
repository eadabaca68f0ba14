/**
 * The verification code of a request that comes from somewhere new: typed, because only whoever looks at the screen that
 * asks can (decision 0059). The phone has it already; what is asked for is the look.
 */

import type { RequestDocument } from "../documents";
import { t } from "../strings";
import { h } from "../ui/dom";
import { button, field, notice, tick, type Gate } from "../ui/parts";

const TRIES = 3;

/** Wrong codes so far, by request: leaving its screen and coming back buys no more. */
const wrong = new Map<string, number>();

const left = (document: RequestDocument): number => TRIES - (wrong.get(document.id) ?? 0);

/** Says what is different today; stands where the code would. */
export function newCallerNotice(): HTMLElement {
  return notice("warning", h("div", {}, h("strong", {}, t.newCaller.title), h("p", {}, t.newCaller.what)));
}

/** `spent` is called when no further code is taken: at once when that was so before. */
export function typedCode(document: RequestDocument, spent: () => void): Gate {
  const code = field(t.approval.code, {
    hint: t.newCaller.hint,
    attributes: { inputmode: "numeric", autocomplete: "off", maxlength: 12, class: "code-input" },
  });
  let way: { given: () => boolean } = {
    given() {
      const typed = code.input.value.replace(/\s/g, "");
      if (typed === document.verification_code) return true;
      if (!/^[0-9]{2,6}$/.test(typed)) code.complain(t.newCaller.invalid);
      else {
        wrong.set(document.id, (wrong.get(document.id) ?? 0) + 1);
        code.input.value = "";
        if (left(document) > 0) code.complain(t.newCaller.wrong(left(document)));
        else spent();
      }
      return false;
    },
  };
  const element = h("div", { class: "column" }, code.element);
  if (document.caller.kind === "integrator") {
    // A computer's program shows its code always. Applications of others may not know that there is one.
    const none = button(t.newCaller.none, "quiet", () => {
      const mine = tick(t.newCaller.noneDanger, t.newCaller.noneTick, t.newCaller.noneMissing);
      way = mine;
      element.replaceChildren(mine.element);
      mine.element.querySelector("input")?.focus();
    });
    element.append(none);
  }
  if (left(document) <= 0) queueMicrotask(spent);
  return { element, given: () => way.given() };
}
