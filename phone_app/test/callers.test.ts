import { expect, test } from "vitest";
import { isKnown, withCaller, withoutCaller } from "../src/callers";

const asks = (id: string, credential: string) => ({ credential, caller: { kind: "computer" as const, id, name: "" } });

test("a caller is known for the certificates it was known for, and for no other", () => {
  const known = withCaller(undefined, "cmp_1", ["cred_1", "cred_2"]);
  expect(["cred_1", "cred_2", "cred_3"].map((one) => isKnown(known, asks("cmp_1", one)))).toEqual([true, true, false]);
  expect(isKnown(known, asks("cmp_", "1 cred_1"))).toBe(false);
  expect(isKnown(undefined, asks("cmp_1", "cred_1"))).toBe(false);
});

test("a caller that is forgotten is new again, and takes nobody with it", () => {
  const known = withCaller(withCaller([], "cmp_1", ["cred_1", "cred_2"]), "cmp_11", ["cred_1"]);
  expect(withoutCaller(known, "cmp_1")).toEqual(["cmp_11 cred_1"]);
});

test("who asked longest ago goes first, and asking again is not to be old", () => {
  let known = withCaller([], "cmp_old", ["cred_1"]);
  known = withCaller(known, "cmp_loyal", ["cred_1"]);
  for (let count = 0; count < 499; count += 1) known = withCaller(withCaller(known, `cmp_${count}`, ["cred_1"]), "cmp_loyal", ["cred_1"]);
  expect(known.length).toBe(500);
  expect(isKnown(known, asks("cmp_old", "cred_1"))).toBe(false);
  expect(isKnown(known, asks("cmp_loyal", "cred_1"))).toBe(true);
});
