import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildKernel } from "../build-kernel.ts";
import { kernelBuilds } from "./kernel.ts";

test("the committed kernels are, byte for byte, what the compiler makes of their source", async () => {
  const built = await buildKernel();
  assert.equal(built.size, 2);
  for (const [path, text] of built) assert.equal(readFileSync(path, "utf8"), text, path);
});

test("this engine takes both builds", () => {
  for (const bytes of Object.values(kernelBuilds)) assert.ok(WebAssembly.validate(bytes()));
});
