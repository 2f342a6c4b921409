import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { Throttle } from "./throttle.ts";

test("a flood of guesses from ever new addresses keeps nobody out who got in from theirs before", async () => {
  const world = new SeededWorld("throttle");
  const throttle = new Throttle(world);
  throttle.attempt("owner");
  throttle.succeeded("owner");
  let guesses = 0;
  for (let at = 0; at < 6_000; at++) {
    try {
      throttle.attempt(`stranger ${at}`);
      guesses++;
    } catch {
      // It has to wait.
    }
    await world.advance(100);
  }
  assert.ok(guesses < 60, `${guesses} guesses in ten minutes`);
  throttle.attempt("owner");
  throttle.succeeded("owner");
  for (let at = 0; at < 5; at++) throttle.attempt("owner");
  assert.throws(() => throttle.attempt("owner"), { code: "too-many-attempts" }, "and it guesses as slowly as anybody");
});
