import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildDemoImage, demoNames } from "./demo.ts";
import { buildImage } from "./image.ts";
import { tarOf, type TarEntry } from "./tar.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const entries: readonly TarEntry[] = [
  { kind: "folder", path: "bin", mode: 0o755 },
  { kind: "file", path: "bin/program", mode: 0o755, owner: 7, content: text("x".repeat(600)) },
  { kind: "link", path: "bin/same", target: "program" },
  { kind: "file", path: "empty", mode: 0o600, content: text("") },
];

test("names that do not fit into an archive are refused, not cut", () => {
  assert.throws(() => tarOf([{ kind: "folder", path: "x".repeat(101), mode: 0o755 }]), /too long/);
});

test("the system's tar reads what is written", () => {
  const folder = mkdtempSync(join(tmpdir(), "oci-image-"));
  try {
    writeFileSync(join(folder, "a.tar"), tarOf(entries));
    execFileSync("tar", ["--extract", "--file", "a.tar", "--no-same-owner"], { cwd: folder });
    assert.equal(readFileSync(join(folder, "bin/same"), "utf8"), "x".repeat(600));
    assert.equal(statSync(join(folder, "empty")).mode & 0o777, 0o600);
    const listed = execFileSync("tar", ["--list", "--verbose", "--file", "a.tar"], { cwd: folder, encoding: "utf8" });
    assert.match(listed, /-rwxr-xr-x 7\/7\s+600 1970-01-01 \S+ bin\/program/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the same files give the same digest, other ones another", () => {
  const config = { architecture: "amd64", command: ["/bin/program"] } as const;
  const [one, two] = [buildImage("localhost/x:1", config, entries), buildImage("localhost/x:1", config, entries)];
  assert.equal(one.digest, two.digest);
  assert.deepEqual(one.archive, two.archive);
  assert.equal(one.digest, "sha256:99417bf2335b5d51d297181a0366a5533828f646d221c12b6571329bd7f9db1c");
  assert.notEqual(buildImage("localhost/x:1", config, entries.slice(1)).digest, one.digest);
  // The name is no part of the image.
  assert.equal(buildImage("localhost/y:1", config, entries).digest, one.digest);
});

test("each demo app has an image of its own, for each version and each busybox", () => {
  const digests = demoNames.flatMap((name) =>
    ["1", "2"].flatMap((version) =>
      ["a", "b"].map(
        (content) => buildDemoImage(name, { busybox: text(content), architecture: "amd64", version }).digest,
      ),
    ),
  );
  assert.equal(new Set(digests).size, 8);
});
