import assert from "node:assert/strict";
import { test } from "node:test";
import { createPlacementQuestion } from "./placement-question.ts";

/** Files a, b and c; one that is not in the map was deleted. */
function setUp(placements: Map<string, "durable" | "pending">) {
  const placed: string[] = [];
  const asked: string[] = [];
  const during = { next: (): void => undefined, concernsOne: true };
  const ask = createPlacementQuestion({
    pending: () => ["a", "b", "c"].filter((key) => !placed.includes(key)).map((key) => ({ key, node: key })),
    read: (node) => {
      asked.push(node);
      const answer = placements.get(node);
      during.next();
      return answer === undefined ? Promise.reject(new Error("gone")) : Promise.resolve(answer);
    },
    placed: (key) => void placed.push(key),
    concernsOne: () => during.concernsOne,
  });
  return { ask, placed, asked, during };
}

test("a file that was deleted since keeps none behind it from being asked about", async () => {
  const { ask, placed } = setUp(
    new Map([
      ["b", "durable"],
      ["c", "durable"],
    ]),
  );
  await ask();
  assert.deepEqual(placed, ["b", "c"]);
});

test("where the device does not answer at all, the next event asks again", async () => {
  const { ask, asked, during } = setUp(new Map());
  during.concernsOne = false;
  await ask();
  assert.deepEqual(asked, ["a"]);
  await ask();
  assert.deepEqual(asked, ["a", "a"]);
});

test("what is placed while it is being asked about is asked about once more", async () => {
  const placements = new Map<string, "durable" | "pending">([
    ["a", "pending"],
    ["b", "durable"],
    ["c", "durable"],
  ]);
  const { ask, placed, during } = setUp(placements);
  const told: Promise<void>[] = [];
  during.next = () => {
    during.next = () => undefined;
    placements.set("a", "durable");
    told.push(ask());
  };
  await ask();
  await Promise.all(told);
  assert.deepEqual(placed, ["b", "c", "a"]);
});
