import assert from "node:assert/strict";
import { test } from "node:test";
import { filesOfNobody } from "./coverage.ts";

test("a file that no package has, and that is not ours, is found", () => {
  const owned = ["/bin/cat", "/etc/hosts.allow", "/usr/lib/a.so"];
  const files = [
    "/usr/bin/cat",
    "/usr/bin/cat2",
    "/usr/lib/a.so",
    "/usr/lib/modules/6/modules.dep",
    "/usr/lib/modules/6/x.ko",
  ];
  const ours = new Set(["/usr/lib/systemd/system/piccolod.service"]);
  assert.deepEqual(filesOfNobody([...files, ...ours, "/usr/lib/piccolo/piccolod", "/usr/etc/hosts"], owned, ours), [
    "/usr/bin/cat2",
    "/usr/lib/modules/6/x.ko",
  ]);
});
