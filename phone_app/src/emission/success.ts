/** The certificate exists: what it is, and what comes next. */

import { dateTime, t } from "../strings";
import { foreign, h, holder } from "../ui/dom";
import { icon, type IconName } from "../ui/icons";
import { actions, card, facts } from "../ui/parts";
import type { EmissionPage } from "./page";
import { drawQr } from "./qr";
import type { Certificate } from "./visit";

const words = t.emission.success;

export function showSuccess(page: EmissionPage, certificate: Certificate): void {
  const app = location.origin;
  const qr = h("div", { class: "qr" });
  void drawQr(qr, app, words.appQr).catch(() => undefined); // the address stands beside it
  page.show(3, {
    name: "success",
    title: words.title,
    wide: true,
    content: [
      h("div", { class: "picture good" }, icon("check")),
      h("h2", { class: "next-title" }, words.next),
      h(
        "ol",
        { class: "next-steps" },
        h("li", { class: "card" }, h("div", { class: "next-text" }, h("strong", {}, words.app), h("p", { class: "hint" }, words.appWhat), h("p", {}, h("a", { href: "/" }, app)), h("p", { class: "hint beside-qr" }, words.appScan)), qr),
        h("li", { class: "card" }, h("div", { class: "next-text" }, h("strong", {}, words.computer), h("p", { class: "hint" }, words.computerWhat))),
      ),
      h("h2", { class: "next-title" }, words.how),
      h("div", { class: "three" }, how("phone", words.getApp, words.appHow), how("computer", words.getInstaller, words.computerWhat), how("scan", words.readQr, words.qr)),
      h("h2", { class: "next-title" }, words.facts),
      card(
        facts(
          [words.subject, holder(certificate.subject)],
          [words.serial, h("code", {}, foreign(certificate.serial))],
          [words.issuer, foreign(certificate.issuer)],
          [words.validity, `${dateTime(certificate.valid_from)} ${words.to} ${dateTime(certificate.valid_to)}`],
        ),
        certificate.pem !== "" && actions(download(certificate)),
        h("p", { class: "hint" }, words.downloadWhat),
      ),
    ],
  });
}

function how(symbol: IconName, title: string, text: string): HTMLElement {
  return card(h("span", { class: "row-symbol" }, icon(symbol)), h("strong", {}, title), h("p", { class: "hint" }, text));
}

function download(certificate: Certificate): HTMLElement {
  const file = URL.createObjectURL(new Blob([certificate.pem], { type: "application/x-pem-file" }));
  return h("a", { class: "button plain", href: file, download: "certificado-link-id.pem" }, icon("download"), h("span", {}, words.download));
}
