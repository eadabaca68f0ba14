import { describe, expect, test } from "vitest";
import { b64u, BadEncoding, canonicalJson, parseCanonical, unb64u, utf8 } from "../src/encoding";

describe("base64url", () => {
  test("bytes come back as they went", () => {
    for (let length = 0; length < 20; length += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      expect(unb64u(b64u(bytes))).toEqual(bytes);
    }
  });

  test.each(["AA==", "AA ", "A", "A+", "A/", "AB", "AAB\n", "ÁA"])("%j is no spelling of anything", (text) => {
    expect(() => unb64u(text)).toThrow(BadEncoding);
  });

  test("a text that is not text, or of another length, is refused", () => {
    expect(() => unb64u(7)).toThrow(BadEncoding);
    expect(() => unb64u(b64u(new Uint8Array(31)), 32)).toThrow(BadEncoding);
  });
});

describe("canonical JSON", () => {
  test("members are sorted by UTF-16 code units, strings and numbers as RFC 8785 section 3.2 writes them", () => {
    const value = { "\u20ac": "Euro", "\r": "CR", "\u{1f600}": "smiley", "1": "one", "\ufb33": "dalet", a: [1, -0, 100000000000000] };
    expect(canonicalJson(value)).toBe('{"\\r":"CR","1":"one","a":[1,0,100000000000000],"\u20ac":"Euro","\u{1f600}":"smiley","\ufb33":"dalet"}');
  });

  test("a number that is not a safe integer has no form here", () => {
    expect(() => canonicalJson({ a: 1.5 })).toThrow(BadEncoding);
    expect(() => canonicalJson({ a: 2 ** 53 })).toThrow(BadEncoding);
  });

  test.each([
    ['{"a":1,"a":2}', "a duplicate key"],
    ['{"b":1,"a":2}', "another order"],
    ['{"a": 1}', "white space"],
    ['{"a":1}\n', "something after the end"],
    ['\ufeff{"a":1}', "a byte order mark"],
    ['{"a":1.0}', "another spelling of a number"],
    ['{"a":1e0}', "an exponent"],
    ['{"a":-0}', "a negative zero"],
    ['{"\\u0061":1}', "an escape that is not needed"],
    ['{"a":NaN}', "NaN"],
    ["[1]", "not an object"],
    ["null", "nothing"],
    ["", "no text"],
  ])("%j is refused: %s", (text) => {
    expect(() => parseCanonical(utf8(text))).toThrow(BadEncoding);
  });

  test("bytes that are not UTF-8 are refused", () => {
    expect(() => parseCanonical(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow(BadEncoding);
  });
});
