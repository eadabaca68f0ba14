import { describe, expect, test } from "vitest";
import { passwordRules } from "../src/emission/password";
import { COMMON, weakness, type About, type Weakness } from "../src/emission/weakness";
import { t } from "../src/strings";
import { vectors } from "./vectors";

interface UsagePasswordVectors {
  abouts: Record<string, About>;
  common: string;
  cases: { password: string; about: string; weakness: Weakness | null }[];
}

const table = vectors<UsagePasswordVectors>("usage_password");

function holder(name: string): About {
  const found = table.abouts[name];
  if (found === undefined) throw new Error(`nobody called ${name}`);
  return found;
}

describe("a usage password that is easy to guess", () => {
  test.each(table.cases)("$password, of $about: $weakness", ({ password, about, weakness: why }) => {
    expect(weakness(password, holder(about))).toBe(why);
  });

  test("the words are those of the sandbox, in the same order", () => {
    expect(COMMON.join(" ")).toBe(table.common);
  });

  test.each(Object.keys(t.emission.password.weak) as Weakness[])("of the kind %s is told as such, with what to do instead", (why) => {
    const one = table.cases.find((found) => found.weakness === why);
    const rules = passwordRules("Instala2026", holder(one?.about ?? ""));
    const broken = rules.find((rule) => !rule.holds(one?.password ?? "", one?.password ?? ""));
    expect(broken?.text).toBe(t.emission.password.notWeak);
    const said = broken?.broken?.(one?.password ?? "") ?? "";
    expect(said).toContain(t.emission.password.weak[why]);
    expect(said).toContain("Escolha outra");
  });
});
