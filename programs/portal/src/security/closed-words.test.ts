import assert from "node:assert/strict";
import { test } from "node:test";
import { closedCodes } from "@piccolo/device-api";
import { closedInWords } from "./closed-words.ts";

test("a reason nobody has heard of is told in the device's words", () => {
  const words = closedInWords({
    reasons: [{ code: "moon-phase", detail: "Wait for the moon." }],
    opensWith: ["phrase"],
    resets: true,
  });
  assert.equal(words.text, "Wait for the moon.");
  assert.equal(words.instead, "");
});

test("a closed device without a reason is starting", () => {
  assert.equal(closedInWords({ reasons: [], opensWith: [], resets: true }).title, "The device is starting");
});

test("where nothing typed helps, it says what does", () => {
  const reasons = [{ code: "record-missing", detail: "" }];
  assert.match(closedInWords({ reasons, opensWith: [], resets: true }).instead, /reset the device/);
  assert.match(
    closedInWords({ reasons, opensWith: [], resets: false }).instead,
    /install the system from its USB stick/,
  );
  assert.match(
    closedInWords({ reasons: [{ code: "tpm-timeout", detail: "" }], opensWith: [], resets: true }).instead,
    /off and on/,
  );
});

test("whose files may lie nowhere else is not told that they lie with others, nor to erase the disk", () => {
  for (const code of ["volume-damaged", "volume-missing", "record-missing", "database-damaged", "no-owner-yet"]) {
    for (const resets of code === "no-owner-yet" ? [false] : [true, false]) {
      const { instead } = closedInWords({ reasons: [{ code, detail: "" }], opensWith: [], resets });
      assert.match(
        instead,
        /if (?:it|the device) was in a network, .*recovery phrase”.*if it was in none, .*keep the disk/i,
      );
    }
  }
});

test("where the chip may be broken, and this machine therefore takes no phrase, the way out of it is named", () => {
  for (const code of ["tpm-failed", "tpm-malformed", "tpm-missing", "tpm-not-started"]) {
    const { instead } = closedInWords({ reasons: [{ code, detail: "" }], opensWith: [], resets: true });
    assert.match(instead, /disk into another PC: .*recovery phrase.*stick.*keys into that PC's firmware/, code);
  }
});

test("whose firmware has keys of others is told to delete them before the stick is started, which enters none beside them", () => {
  const { instead } = closedInWords({
    reasons: [{ code: "start-keys-of-others", detail: "" }],
    opensWith: [],
    resets: true,
  });
  assert.match(instead, /[Dd]elete.*platform key.*\(Setup Mode\).*stick/);
});

test("where password or phrase help, nothing else is advised", () => {
  assert.equal(
    closedInWords({ reasons: [{ code: "tpm-lockout", detail: "" }], opensWith: ["phrase"], resets: true }).instead,
    "",
  );
  assert.match(
    closedInWords({ reasons: [{ code: "ask-at-boot", detail: "" }], opensWith: ["password", "phrase"], resets: true })
      .title,
    /password/,
  );
});

test("each code of the contract has words of its own, and says what to do where nothing can be typed", () => {
  const said = new Map<string, string>();
  for (const code of closedCodes) {
    const reasons = [{ code, detail: "The device's own words." }];
    for (const opensWith of [[], ["phrase" as const], ["password" as const, "phrase" as const]]) {
      const { title, text, instead } = closedInWords({ reasons, opensWith, resets: true });
      assert.ok(title !== "The device's disk is closed" && text.length > 10, code);
      assert.equal(instead === "", opensWith.length > 0, code);
      assert.ok(opensWith.length > 0 || !/your recovery phrase|a recovery phrase”\.$/i.test(text), `${code}: ${text}`);
    }
    said.set(code, closedInWords({ reasons, opensWith: [], resets: true }).title);
  }
  assert.ok(new Set(said.values()).size >= closedCodes.length - 3, "few share a title");
});

test("where nobody should type a secret, that is what is told first", () => {
  const reasons = [
    { code: "tpm-other-chip", detail: "" },
    { code: "secure-boot-off", detail: "" },
  ];
  const { title, text, instead } = closedInWords({ reasons, opensWith: [], resets: true });
  assert.equal(title, "Secure Boot is switched off");
  assert.match(`${text} ${instead}`, /no password and no phrase.*type nothing/s);
  assert.doesNotMatch(`${text} ${instead}`, /recovery phrase opens/);
  const unknown = closedInWords({
    reasons: [reasons[0] ?? { code: "", detail: "" }, { code: "moon", detail: "" }],
    opensWith: [],
    resets: true,
  });
  assert.equal(unknown.title, "The security chip is another one");
});

test("a device that nobody has set up says that it is installed again, unless something worse is to be put right first", () => {
  const told = (...codes: readonly string[]): string => {
    const reasons = codes.map((code) => ({ code, detail: "" }));
    return closedInWords({ reasons, opensWith: [], resets: false }).instead;
  };
  assert.match(told("tpm-policy", "no-owner-yet"), /erase-the-disk/);
  assert.match(told("tpm-policy", "secure-boot-off", "no-owner-yet"), /Switch Secure Boot on/);
});

test("after the daemon was started again the same is told first", () => {
  const told = (...codes: readonly string[]): string => {
    const reasons = codes.map((code) => ({ code, detail: "" }));
    return closedInWords({ reasons, opensWith: [], resets: false }).instead;
  };
  assert.match(told("tpm-policy", "tpm-window-closed", "secure-boot-off"), /type nothing into this device/);
  assert.match(told("secure-boot-off", "tpm-window-closed"), /type nothing into this device/);
  assert.match(told("tpm-window-closed", "secure-boot-off"), /type nothing into this device/);
  assert.match(told("tpm-policy", "tpm-window-closed", "secure-boot-off", "no-owner-yet"), /Switch Secure Boot on/);
  assert.match(told("tpm-policy", "tpm-window-closed", "no-owner-yet"), /erase-the-disk/);
  assert.equal(told("tpm-policy", "tpm-window-closed"), told("tpm-policy"));
  assert.match(told("tpm-window-closed"), /off and on/);
});

test("what a stick mends names the file by which it keeps what is on the disk, and what it does not the one that erases", () => {
  const instead = (code: string): string =>
    closedInWords({ reasons: [{ code, detail: "" }], opensWith: [], resets: false }).instead;
  for (const code of ["tpm-policy", "start-not-trusted", "release-too-old", "database-too-new"]) {
    assert.match(instead(code), /repair-the-system/, code);
    assert.doesNotMatch(instead(code), /erase-the-disk/, code);
  }
  assert.match(instead("volume-damaged"), /erase-the-disk/);
});
