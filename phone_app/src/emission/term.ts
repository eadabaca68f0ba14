/** The Termo de Titularidade: the data and the text that the AC signed, and the holder's signed agreement. */

import { t } from "../strings";
import { foreign, h } from "../ui/dom";
import { actions, busy, button, card, facts, lead, notice, progress } from "../ui/parts";
import { formatCpf } from "./cpf";
import type { EmissionPage } from "./page";
import { showPassword } from "./password";
import type { Term } from "./visit";

const words = t.emission.term;

export function showTerm(page: EmissionPage, term: Term): void {
  const about = term.document;
  const trouble = h("div", {});
  const doing = progress();
  const agree = async (): Promise<void> => {
    trouble.replaceChildren();
    doing.say(words.working);
    try {
      const wanted = await page.visit.agree(term);
      showPassword(page, wanted, { name: about.name, email: about.email, cpf: about.cpf, phone: about.phone, birth: "" });
    } catch (error) {
      page.failed(error, trouble);
    } finally {
      doing.say(null);
    }
  };
  const content: HTMLElement = h(
    "div",
    { class: "column" },
    lead(words.lead),
    card(
      facts(
        [words.name, h("strong", {}, foreign(about.name))],
        [words.cpf, foreign(formatCpf(about.cpf))],
        [words.email, foreign(about.email)],
        [words.phone, foreign(about.phone)],
        [words.product, foreign(about.product)],
        [words.validity, words.days(about.valid_days)],
      ),
    ),
    h(
      "section",
      { class: "card term", tabindex: "0", role: "region", "aria-label": words.text },
      h("h2", {}, foreign(about.term.title)),
      ...about.term.paragraphs.map((paragraph) => h("p", {}, foreign(paragraph))),
    ),
    trouble,
    doing.element,
    actions(
      button(words.agree, "primary", () => busy(content, agree)),
      button(words.refuse, "plain", () => showRefused(page)),
    ),
  );
  page.show(1, { name: "term", title: words.title, content: [content] });
}

/** Wrong data are not agreed to. The term is simply left unanswered: it ends by itself, and nothing was made. */
function showRefused(page: EmissionPage): void {
  page.show(1, {
    name: "term-refused",
    title: words.refused,
    content: [notice("info", words.refusedWhat), actions(button(t.emission.startOver, "plain", () => page.startOver()))],
  });
}
