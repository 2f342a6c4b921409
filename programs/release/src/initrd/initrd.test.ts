import assert from "node:assert/strict";
import { test } from "node:test";
import { waysIn } from "./initrd.ts";

const line = (path: string): string => `-rwxr-xr-x   1 root     root       125640 Apr 13 19:38 ${path}`;

test("programs to log in with are found wherever they lie, and by any name", () => {
  const listed = [
    line("usr/sbin/sulogin"),
    line("usr/bin/busybox"),
    "lrwxrwxrwx   1 root     root     4 Apr 13 19:38 usr/sbin/getty -> agetty",
    line("usr/lib/systemd/systemd-sulogin-shell"),
  ].join("\n");
  assert.deepEqual(waysIn(listed), [
    "usr/sbin/sulogin",
    "usr/bin/busybox",
    "usr/sbin/getty",
    "usr/lib/systemd/systemd-sulogin-shell",
  ]);
});

test("what scripts need is none, nor is a unit that is never asked for", () => {
  const listed = ["Image: initrd.img", line("usr/bin/dash"), line("usr/lib/systemd/system/emergency.service"), ""].join(
    "\n",
  );
  assert.deepEqual(waysIn(listed), []);
});
