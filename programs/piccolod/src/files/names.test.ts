import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanMediaType, decideRange, dispositionOf, isShownInline } from "./decide.ts";
import { freeName, nameBytesMax, nameKey, parseNodeName } from "./names.ts";

test("names that no folder can have are refused with the rule they break", () => {
  const refused: [string, RegExp][] = [
    ["", /empty/],
    [".", /not a name/],
    ["..", /not a name/],
    ["a/b", /slash/],
    ["a\u0000", /control/],
    ["a\nb", /control/],
    ["\u007f", /control/],
    ["\u0085", /control/],
    ["a\u2028b", /line/],
    ["a\u2029b", /line/],
    ["invoice\u202egpj.exe", /direction/],
    ["a\u2066b", /direction/],
    ["   ", /visible/],
    ["\u200b\u00a0\u00ad", /visible/],
    ["\ud800", /half a character/],
    ["x\udc00y", /half a character/],
    ["x".repeat(256), /255 bytes/],
    ["ä".repeat(128), /255 bytes/],
  ];
  for (const [name, rule] of refused) {
    assert.throws(() => parseNodeName(name), { code: "invalid-name", message: rule });
  }
});

test("every other name is kept, in composed form", () => {
  for (const name of [
    "a",
    "...",
    ".hidden",
    "a b ",
    "\\",
    "con",
    "日本語",
    "نامه.txt",
    "👩\u200d👧",
    "😀",
    "x".repeat(255),
    "ä".repeat(127),
  ]) {
    assert.equal(parseNodeName(name), name);
  }
  assert.equal(parseNodeName("e\u0301"), "\u00e9");
});

test("names that differ in case or in how letters are put together have one key", () => {
  const twins: [string, string][] = [
    ["A.txt", "a.TXT"],
    ["\u00c9", "e\u0301"],
    ["Straße", "STRASSE"],
    ["ΟΔΟΣ", "οδος"],
    ["ΟΔΟΣ", "οδοσ"],
    ["ſ", "S"],
    ["\u212a", "k"],
    ["ﬁ", "FI"],
  ];
  for (const [one, other] of twins) assert.equal(nameKey(one), nameKey(other), `${one} ${other}`);
  assert.notEqual(nameKey("a"), nameKey("ä"));
});

test("a key is its own key, and the key of every case of its name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      const key = nameKey(name);
      assert.equal(nameKey(key), key);
      assert.equal(nameKey(name.toUpperCase()), key);
    }),
  );
});

test("a free name is a name, is not taken, and keeps its ending", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }), fc.nat(20), (given, taken) => {
      let name: string;
      try {
        name = parseNodeName(given);
      } catch {
        return;
      }
      const used = new Set<string>();
      for (let at = 0; at <= taken; at++) {
        const free = freeName(name, (candidate) => used.has(nameKey(candidate)));
        assert.equal(parseNodeName(free), free);
        assert.ok(!used.has(nameKey(free)));
        used.add(nameKey(free));
      }
    }),
  );
  const isTaken = (name: string): boolean => name === "a.tar.gz" || name === "a.tar (2).gz";
  assert.equal(freeName("a.tar.gz", isTaken), "a.tar (3).gz");
  assert.equal(
    freeName(".hidden", (name) => name === ".hidden"),
    ".hidden (2)",
  );
  const long = `${"x".repeat(251)}.jpg`;
  const free = freeName(long, (name) => name === long);
  assert.deepEqual([free.length, free.endsWith(" (2).jpg")], [nameBytesMax, true]);
});

test("a range is one run of bytes that the file has", () => {
  const cases: [string | undefined, ReturnType<typeof decideRange>][] = [
    [undefined, undefined],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=5-", { start: 5, end: 10 }],
    ["bytes=5-99", { start: 5, end: 10 }],
    ["bytes=-3", { start: 7, end: 10 }],
    ["bytes=-99", { start: 0, end: 10 }],
    [" bytes=9-9 ", { start: 9, end: 10 }],
    ["bytes=0-1,3-4", undefined],
    ["bytes=4-2", undefined],
    ["bytes=-", undefined],
    ["bytes=a-b", undefined],
    ["bytes= 1-2", undefined],
    ["lines=1-2", undefined],
    ["bytes=1-99999999999999999999", undefined],
  ];
  for (const [header, range] of cases) assert.deepEqual(decideRange(header, 10), range, String(header));
  for (const header of ["bytes=10-", "bytes=10-20", "bytes=-0"]) {
    assert.throws(() => decideRange(header, 10), { code: "range-not-satisfiable" }, header);
  }
  assert.throws(() => decideRange("bytes=0-", 0), { code: "range-not-satisfiable" });
});

test("only types that run nothing are shown in a page", () => {
  for (const type of ["image/png", "video/mp4", "audio/flac", "application/pdf", "text/plain"]) {
    assert.ok(isShownInline(type), type);
  }
  for (const type of [
    "text/html",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "application/javascript",
    "",
  ]) {
    assert.ok(!isShownInline(type), type);
  }
});

test("a media type that is none is a run of bytes", () => {
  assert.equal(cleanMediaType(" Image/PNG "), "image/png");
  for (const type of [undefined, "", "x", "a/b; charset=x", "a/b\r\nset-cookie: x", "/", "a/", "\u00e4/b"]) {
    assert.equal(cleanMediaType(type), "application/octet-stream");
  }
});

test("a name goes into the header so that every client finds it and none is led astray", () => {
  assert.equal(dispositionOf("inline", "a.txt"), "inline; filename=\"a.txt\"; filename*=UTF-8''a.txt");
  assert.equal(
    dispositionOf("attachment", "ä\"b\\c%41(1)'.txt"),
    "attachment; filename=\"__b_c_41(1)'.txt\"; filename*=UTF-8''%C3%A4%22b%5Cc%2541%281%29%27.txt",
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      const header = dispositionOf("attachment", name);
      assert.match(header, /^[\x20-\x7e]*$/);
      assert.equal(decodeURIComponent(header.slice(header.indexOf("''") + 2)), name);
    }),
  );
});
