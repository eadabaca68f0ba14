/** Who is here: protocol, CPF, installation password, and not a robot. */

import { ApiError } from "../api";
import { t } from "../strings";
import { Expired } from "../trust";
import { h } from "../ui/dom";
import { actions, field, form, lead, notice, passwordField, progress, submitButton } from "../ui/parts";
import { problemText } from "../ui/problem";
import { formatCpf, readCpf } from "./cpf";
import type { EmissionPage } from "./page";
import { robot } from "./robot";
import { showTerm } from "./term";

const words = t.emission.identify;
const PROTOCOL_DIGITS = 10;

/** The emission that was begun is over; a new one needs a new captcha. */
const OVER = ["emission_expired", "emission_unknown", "emission_out_of_order", "document_expired", "document_decided", "transport_key_retired", "not_found"];

export function showIdentify(page: EmissionPage, message?: string): void {
  const protocol = field(words.protocol, {
    hint: words.protocolHint,
    attributes: { inputmode: "numeric", autocomplete: "off", maxlength: 14 },
  });
  const cpf = field(words.cpf, { attributes: { inputmode: "numeric", autocomplete: "off", maxlength: 14, placeholder: "000.000.000-00" } });
  cpf.input.addEventListener("input", () => {
    if (cpf.input.selectionStart === cpf.input.value.length) cpf.input.value = formatCpf(cpf.input.value);
  });
  const password = passwordField(words.password, words.passwordHint, words.passwordInvalid);
  const human = robot(page.gateway);
  const trouble = h("div", {}, message === undefined ? null : notice("warning", message, true));
  const doing = progress();
  protocol.input.addEventListener("input", () => human.setNeeded(!page.visit.isBegun(digits(protocol.input.value))));

  const submit = async (): Promise<void> => {
    const number = digits(protocol.input.value);
    const person = readCpf(cpf.input.value);
    if (number.length !== PROTOCOL_DIGITS) return protocol.complain(words.protocolInvalid);
    if (person === null) return cpf.complain(words.cpfInvalid);
    const secret = password.value();
    if (secret === null) return;
    trouble.replaceChildren();
    try {
      if (!page.visit.isBegun(number)) {
        const captcha = human.take();
        if (captcha === null) return;
        doing.say(words.sending);
        await page.visit.start(number, captcha).finally(() => human.reset()); // a captcha serves once
        human.setNeeded(false);
      }
      const term = await page.visit.identify(person, secret, (phase) => doing.say(phase === "stretching" ? words.working : words.sending));
      page.installPassword = secret;
      showTerm(page, term);
    } catch (error) {
      password.clear();
      if (error instanceof Expired || (error instanceof ApiError && OVER.includes(error.code))) page.visit.forget();
      human.setNeeded(!page.visit.isBegun(number));
      trouble.replaceChildren(notice("danger", problemText(error, page.gateway), true));
    } finally {
      doing.say(null);
    }
  };
  page.show(0, {
    name: "identify",
    title: words.title,
    content: [
      lead(words.lead),
      trouble,
      form(submit, protocol.element, cpf.element, password.element, human.element, doing.element, actions(submitButton(words.proceed))),
    ],
  });
}

const digits = (text: string): string => text.replace(/\D/g, "");
