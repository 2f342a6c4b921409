import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "@piccolo/world";
import { HealthWatch } from "./health-watch.ts";
import type { Known } from "./plan-types.ts";

const world: Pick<World, "sleep"> = {
  sleep: async (_ms, signal) => signal?.throwIfAborted(),
};

test("the watch has ended when what is still asked is answered, also where it was ended and begun again meanwhile", async () => {
  const answer = Promise.withResolvers<Known<string | undefined>>();
  const asked = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const watch = new HealthWatch({
    world: world as World,
    stopping: stopping.signal,
    everyMs: 1,
    hasCommands: () => false,
    silentPart: () => {
      asked.resolve();
      return answer.promise;
    },
    due: () => undefined,
  });
  watch.begin();
  await asked.promise;
  watch.end();
  watch.begin();
  stopping.abort(new Error("the device stops"));
  let hasEnded = false;
  const ended = watch.ended().then(() => (hasEnded = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasEnded, false);
  answer.resolve({ known: true, value: undefined });
  await ended;
});
