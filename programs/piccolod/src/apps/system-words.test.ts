import assert from "node:assert/strict";
import { test } from "node:test";
import { systemWords, systemWordsCharactersMax } from "./system-words.ts";

const secret = "tr0ub4dor&3";

const said: readonly (readonly [string, string | undefined])[] = [
  [
    "mount: /run/piccolo/ab12/apps/shelf.data: wrong fs type, bad option, bad superblock on /dev/loop3, missing codepage or helper program, or other error.",
    "mount: … wrong fs type, bad option, bad superblock on … missing codepage or helper program, or other error.",
  ],
  [
    "crun: open `/sys/fs/cgroup/piccolo-ab12/x/pids.max`: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "crun: open … no such file or directory: OCI runtime attempted to invoke a command that was not found",
  ],
  [
    `crun: executable file "--password=${secret}" not found in $PATH: OCI runtime error`,
    "crun: executable file … not found in … OCI runtime error",
  ],
  [
    `invalid environment variable PASSWORD=${secret} of device: invalid argument`,
    "invalid environment variable … of device: invalid argument",
  ],
  [
    "netavark: nftables error: nft exited with status 1: Operation not supported",
    "netavark: nftables error: nft exited with status 1: operation not supported",
  ],
  ["EROFS: read-only file system, open '/data/apps/volumes/shelf'", "EROFS: read-only file system, open …"],
  ["setting up a loop device for 4711 bytes of 10.131.7.2 failed", "setting up a loop device for … bytes of … failed"],
  ["exit status 4711", "exit status …"],
  ["\u001b[31mfailed\u001b[0m to mount it\u0000", "… to mount …"],
  // Whatever a quote that nobody closes begins with is somebody's to the end.
  ['the value "device busy: permission denied', "the value …"],
  ['the value "x device busy \\', "the value …"],
  [`can't open 'device busy' now`, "can't open …"],
  [`{"cause":"${secret}","device":"lost"}`, undefined],
  ["4711", undefined],
  ["", undefined],
];

for (const [words, kept] of said) {
  test(`of what the system said, only words that are nobody's are kept: ${JSON.stringify(words)}`, () => {
    assert.equal(systemWords(words), kept);
  });
}

test("no word of a secret is kept, also where it is one of everybody's", () => {
  const text = "cannot mount device: permission denied, device busy";
  assert.equal(systemWords(text, ["device busy"]), "cannot mount … permission denied, …");
  assert.equal(systemWords(text, ["DEVICE"]), "cannot mount … permission denied, … busy");
  assert.equal(systemWords(text, ["evic"]), "cannot mount … permission denied, … busy");
  assert.equal(systemWords(text, ["e"]), "cannot mount … busy");
  // What is put together from two words is not kept either.
  assert.equal(systemWords(text, ["ount dev"]), undefined);
  assert.equal(systemWords("exit status 42", ["42"]), "exit status …");
});

test("it is short, however much was said, and whatever a secret looks like it is not in it", () => {
  const long = systemWords(`${"permission denied: ".repeat(50_000)}${secret}`) ?? "";
  assert.ok(long.length <= systemWordsCharactersMax && long.startsWith("permission denied: permission"));
  const mixed = systemWords("x file ".repeat(500)) ?? "";
  assert.ok(
    mixed.length > systemWordsCharactersMax - 10 && mixed.length <= systemWordsCharactersMax,
    `${mixed.length}`,
  );
  for (const value of [secret, "correct horse battery staple", "0000", "file", "no such", ":", ".", "…", " "]) {
    for (const text of [
      `exec ${value}: no such file or directory`,
      `exec "${value}": permission denied`,
      `--token=${value} is not permitted`,
      `a\n${value}\nb: input/output error`,
      `${value} ${value}: file exists, status ${value}`,
    ]) {
      const kept = systemWords(text, [value]) ?? "";
      assert.ok(!kept.toLowerCase().includes(value.toLowerCase()), `${value}: ${kept}`);
    }
  }
});
