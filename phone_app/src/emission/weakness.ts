/**
 * Which usage passwords are too easy to guess. A gateway may try five a day at each certificate (docs/threats.md), so one that many
 * people choose, or that follows from who the holder is, is no secret. Only this page can refuse it: nobody else sees a password.
 *
 * A password is cut into pieces that a guesser tries whole (a common word, a run, a date, something of the holder's) and single
 * characters. Each counts one, whatever its length, and the cut that counts least is taken: LEAST are needed. Held to
 * tests/vectors/usage_password.json, as sandbox_phone/domain/usage_password.py is.
 */

export type Weakness = "personal" | "common" | "date" | "sequence";

/** What the page knows of the holder; "" for what it does not. Masked telephone numbers are fine. */
export interface About {
  name: string;
  email: string;
  cpf: string;
  phone: string;
  /** ddmmaaaa. */
  birth: string;
}

export const LEAST = 6;
const SHORTEST = 8;

/** Small letters, no accents: what people here choose first. Written by us; short on purpose. */
export const COMMON: readonly string[] = (
  "senha senhas password passwd pass chave segredo secreta secreto acesso entrar entra login admin administrador usuario user teste " +
  "test mudar trocar padrao default certificado certificadora digital assinatura assinar assina token linkid icpbrasil welcome " +
  "bemvindo iloveyou teamo teadoro amor amores meuamor love paz vida feliz felicidade saude sucesso vitoria dinheiro deus jesus " +
  "cristo jesuscristo deusfiel deusamor fiel gratidao abencoado familia mae pai filho filha mamae papai vovo bebe princesa gatinha " +
  "gatinho lindo linda brasil brazil brasileiro saopaulo riodejaneiro minas bahia flamengo mengao corinthians timao palmeiras verdao " +
  "santos saopaulofc tricolor vasco gremio inter internacional cruzeiro galo atletico botafogo fluminense futebol maria jose joao " +
  "antonio francisco carlos paulo pedro lucas luiz luis marcos gabriel rafael daniel marcelo bruno eduardo felipe rodrigo manoel " +
  "mateus matheus andre fernando fabio leonardo gustavo guilherme leandro thiago tiago anderson ricardo marcio jorge sebastiao " +
  "alexandre roberto vinicius ana francisca antonia adriana juliana marcia fernanda patricia aline sandra camila amanda bruna jessica " +
  "leticia julia luciana vanessa mariana gabriela vera larissa claudia beatriz rita luana sonia renata eliane silva souza oliveira " +
  "pereira ferreira costa rodrigues almeida nascimento lima araujo ribeiro carvalho gomes martins dragon master monkey shadow " +
  "superman batman pokemon naruto princess sunshine football abc xyz qwe asd zxc minha meu minhasenha outra nova novo dois tres " +
  "instala janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro"
).split(" ");

const LINES = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"];
const RUNS = LINES.flatMap((line) => [line, [...line].reverse().join("")]);

/** Digits that stand for letters. */
const LOOKS: Record<string, string> = { "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t" };

/** A piece of the cut; `kind` null for a single character. */
interface Piece {
  kind: Weakness | null;
  length: number;
}

/** Why a password is too easy, or null. Shorter ones than 8 are another rule's business. */
export function weakness(password: string, about: About): Weakness | null {
  if (password.length < SHORTEST) return null;
  const pieces = cut(password.toLowerCase(), about);
  if (pieces.length >= LEAST) return null;
  const whole = pieces.filter((piece) => piece.kind !== null);
  return whole.reduce((most, piece) => (piece.length > most.length ? piece : most), { kind: null, length: 0 }).kind;
}

/** The cut that counts least. */
function cut(text: string, about: About): Piece[] {
  const best: Piece[][] = [];
  best[text.length] = [];
  for (let at = text.length - 1; at >= 0; at -= 1) {
    best[at] = [{ kind: null, length: 1 }, ...(best[at + 1] ?? [])];
    for (const piece of piecesAt(text, at, about)) {
      const rest = best[at + piece.length] ?? [];
      if (rest.length + 1 < (best[at]?.length ?? 0)) best[at] = [piece, ...rest];
    }
  }
  return best[0] ?? [];
}

/** The pieces that begin at `at`, in the order in which they win when they count the same. */
function piecesAt(text: string, at: number, about: About): Piece[] {
  const plain = [...text].map((sign) => LOOKS[sign] ?? sign).join("");
  const found: Piece[] = [];
  const add = (kind: Weakness, ...lengths: number[]): void => {
    found.push(...lengths.filter((length) => length > 0).map((length) => ({ kind, length })));
  };
  for (const word of names(about)) add("personal", longest([word], text, at, Math.min(4, word.length)), longest([word], plain, at, Math.min(4, word.length)));
  add("personal", longest(numbers(about), text, at, 4), at === 0 && isOwnPhone(text, about.phone) ? text.length : 0);
  for (const word of COMMON) if (text.startsWith(word, at) || plain.startsWith(word, at)) add("common", word.length);
  add("date", ...[8, 6, 4].filter((length) => isDate(text.slice(at, at + length), length)));
  add("sequence", longest(RUNS, text, at, 3), ...[1, 2, 3, 4].map((period) => repeated(text, at, period)));
  return found;
}

/** How much of `text` from `at` on stands in one of the sources: at least `least`, else 0. */
function longest(sources: readonly string[], text: string, at: number, least: number): number {
  for (let length = text.length - at; length >= least; length -= 1) {
    const piece = text.slice(at, at + length);
    if (sources.some((source) => source.includes(piece))) return length;
  }
  return 0;
}

/** How far a block of `period` signs repeats itself from `at` on: at least twice, and three signs; else 0. */
function repeated(text: string, at: number, period: number): number {
  let end = at + period;
  while (end < text.length && text[end] === text[end - period]) end += 1;
  return end - at >= Math.max(3, 2 * period) ? end - at : 0;
}

/** Names and what stands before the @, as words of three letters or more. */
function names(about: About): string[] {
  const folded = `${about.name} ${about.email.split("@")[0] ?? ""}`.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return folded.split(/[^a-z]+/).filter((word) => word.length >= 3);
}

/** Numbers of the holder's: CPF, visible parts of the telephone, the birth date in its orders. */
function numbers(about: About): string[] {
  const made = [about.cpf.replace(/\D/g, ""), about.phone.replace(/[\s().-]/g, "")].flatMap((one) => one.match(/\d{4,}/g) ?? []);
  const born = /^(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(about.birth);
  if (born === null) return made;
  const [, day = "", month = "", century = "", year = ""] = born;
  const long = century + year;
  return [...made, day + month + long, month + day + long, long + month + day, day + month + year, year + month + day, long];
}

/** A number that ends as the holder's telephone does; the page may know no more of it than that. */
function isOwnPhone(text: string, phone: string): boolean {
  const end = /(\d{4})\D*$/.exec(phone)?.[1];
  return end !== undefined && /^\d+$/.test(text) && text.endsWith(end);
}

/** Eight digits, six or four that are a date or a year. */
function isDate(text: string, length: number): boolean {
  if (text.length !== length || !/^\d+$/.test(text)) return false;
  const pair = (index: number): number => Number(text.slice(index, index + 2));
  const year = (index: number): boolean => pair(index) === 19 || pair(index) === 20;
  const days = (day: number, month: number): boolean => day >= 1 && day <= 31 && month >= 1 && month <= 12;
  const either = (index: number): boolean => days(pair(index), pair(index + 2)) || days(pair(index + 2), pair(index));
  if (length === 4) return year(0);
  if (length === 6) return either(0) || days(pair(4), pair(2));
  return (year(4) && either(0)) || (year(0) && either(4));
}
