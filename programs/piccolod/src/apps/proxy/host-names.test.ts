import assert from "node:assert/strict";
import { test } from "node:test";
import { hostNames } from "./host-names.ts";

const development = hostNames({ hostName: "device1.localhost", deviceName: "device1", isSecure: false });
const home = hostNames({ hostName: "piccolo.local", deviceName: "piccolo-7k2m", isSecure: true });

test("no host but an app's own is taken for one", () => {
  for (const host of [
    "piccolo.local",
    "piccolo-7k2m.local",
    "-piccolo-7k2m.local",
    "notes-piccolo.local",
    "notes-piccolo-7k2m.local.evil.example",
    "notes-piccolo-7k2m.localhost",
    "a.b-piccolo-7k2m.local",
    "no_tes-piccolo-7k2m.local",
    "../x-piccolo-7k2m.local",
    "1notes-piccolo-7k2m.local",
    `${"a".repeat(33)}-piccolo-7k2m.local`,
    "",
  ]) {
    assert.equal(home.appOf(host), undefined, host);
  }
  for (const host of ["device1.localhost", "localhost", "notes.device1.localhost", "notes.local"]) {
    assert.equal(development.appOf(host), undefined, host);
  }
});

test("on the local network an app's name is one label with the device's, in development it stands alone", () => {
  assert.equal(home.hostOf("notes"), "notes-piccolo-7k2m.local");
  assert.equal(home.appOf("notes-piccolo-7k2m.local"), "notes");
  assert.equal(home.appOf("my-notes-piccolo-7k2m.local"), "my-notes");
  assert.equal(development.hostOf("notes"), "notes.localhost");
  assert.equal(development.appOf("notes.localhost"), "notes");
});

test("an app has no name of the device's, and none that makes its host's too long", () => {
  for (const app of ["piccolo", "piccolo-7k2m", "localhost", "central", "www"]) assert.ok(!home.mayHave(app), app);
  assert.ok(!development.mayHave("device1"));
  const long = hostNames({ hostName: "piccolo.local", deviceName: "d".repeat(32), isSecure: true });
  assert.ok(long.mayHave("a".repeat(30)));
  assert.ok(!long.mayHave("a".repeat(31)));
});
