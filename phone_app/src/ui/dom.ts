/**
 * Making elements. Text becomes text nodes, always: there is no way here to turn data into markup.
 *
 * Everything that came from outside goes through `foreign`, which also disarms what text can do to its neighbours
 * (bidirectional overrides, invisible characters, line breaks).
 */

type Child = Node | string | null | undefined | false;
type Listener = (event: never) => unknown;
type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

/** An element. Attributes that begin with `on` are listeners; true means present, false and null mean absent. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as unknown as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...(children.filter((child) => child !== null && child !== undefined && child !== false) as (Node | string)[]));
  return element;
}

const ODD = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text from outside without characters that hide or reorder: each becomes a visible mark. */
export function plain(text: string): string {
  return text.replace(ODD, "\uFFFD");
}

/** Text from outside, isolated from the direction of the text around it. */
export function foreign(text: string, empty = ""): HTMLElement {
  return h("bdi", { class: "foreign" }, plain(text).trim() || empty);
}

const NAMED = /^(.+):(?:(\d{3})(\d{3})(\d{3})(\d{2})|([0-9A-Z]{2})([0-9A-Z]{3})([0-9A-Z]{3})([0-9A-Z]{4})(\d{2}))$/;

/** The holder's name as ICP-Brasil certificates have it, `NAME:CPF` or `NAME:CNPJ`, with the number below and readable. */
export function holder(subject: string): HTMLElement {
  const match = NAMED.exec(subject);
  if (match === null) return foreign(subject);
  const [, name, a, b, c, d, e, f, g, i, j] = match;
  const number = a === undefined ? `CNPJ ${e}.${f}.${g}/${i}-${j}` : `CPF ${a}.${b}.${c}-${d}`;
  return h("span", { class: "holder" }, foreign(name as string), h("span", { class: "holder-number" }, number));
}

let counter = 0;

/** An id that no other element has. */
export function freshId(prefix: string): string {
  counter += 1;
  return `${prefix}-${counter}`;
}
