import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  casaOs,
  digests,
  plainCompose,
  runtipiCompose,
  runtipiConfig,
  umbrelApp,
  umbrelCompose,
} from "../../test-support/foreign.ts";
import { digestA } from "../../test-support/texts.ts";
import { type DefinitionFacts, type DefinitionResult, importDefinition } from "../index.ts";

const facts: DefinitionFacts = { id: "wiki", name: "Wiki", version: "1" };

function foreign(result: DefinitionResult): Exclude<DefinitionResult, { readonly from: "manifest" }> {
  assert.ok("result" in result);
  return result;
}

const codes = (result: DefinitionResult): readonly string[] => [
  ...new Set(foreign(result).result.problems.map(({ code }) => code)),
];

test("texts of no system, files of two, and more than two are refused", () => {
  for (const texts of [[], ["a: 1"], ["[]"], ["id: x"], [casaOs, umbrelApp], [plainCompose, plainCompose]]) {
    const result = importDefinition(texts);
    assert.equal(result.from, undefined);
    assert.deepEqual(codes(result), ["not-importable"]);
  }
  assert.deepEqual(codes(importDefinition([umbrelCompose, umbrelApp, casaOs])), ["not-importable"]);
  assert.deepEqual(codes(importDefinition(["a: ["])), ["not-yaml"]);
  assert.deepEqual(codes(importDefinition(["x".repeat(200_000)])), ["too-large"]);
});

test("one file of a pair names the other", () => {
  for (const [text, from, missing] of [
    [umbrelCompose, "umbrel", "umbrel-app.yml"],
    [umbrelApp, "umbrel", "docker-compose.yml"],
    [runtipiCompose, "runtipi", "config.json"],
    [runtipiConfig, "runtipi", "docker-compose.json"],
  ] as const) {
    const result = foreign(importDefinition([text]));
    assert.deepEqual([result.from, result.fileMissing], [from, missing]);
    assert.deepEqual(codes(result), ["not-said"]);
  }
});

test("what plain Compose does not say is asked for, and all else that is wrong is told with it", () => {
  const bare = "services:\n  wiki:\n    image: example/wiki\n    privileged: true\n";
  const result = foreign(importDefinition([bare]));
  assert.deepEqual(result.unsaid, ["id", "name", "version", "web"]);
  assert.deepEqual(result.result.undigested, ["example/wiki"]);
  assert.deepEqual(codes(result).toSorted(), ["image-not-by-digest", "not-said", "privileged"]);
  const said = importDefinition(
    [bare.replace("    privileged: true\n", "")],
    { ...facts, web: { service: "wiki", port: 80 } },
    { digests: new Map([["example/wiki", digestA]]) },
  );
  assert.deepEqual(foreign(said).unsaid, []);
  assert.equal(foreign(said).result.manifest?.web?.port, 80);
});

test("a digest that is none is refused for that", () => {
  const wrong = importDefinition([casaOs], {}, { digests: new Map([["example/readlater:2.0.1", "sha256:0"]]) });
  assert.deepEqual(codes(wrong), ["digest-unknown"]);
  assert.deepEqual(foreign(wrong).result.undigested, []);
});

test("each system's definition is known by its keys, its files in any order", () => {
  for (const [from, texts] of [
    ["umbrel", [umbrelCompose, umbrelApp]],
    ["umbrel", [umbrelApp, umbrelCompose]],
    ["casaos", [casaOs]],
    ["runtipi", [runtipiConfig, runtipiCompose]],
    ["compose", [plainCompose]],
  ] as const) {
    const result = foreign(importDefinition(texts, facts, { digests }));
    assert.equal(result.from, from);
    assert.deepEqual(result.result.problems, []);
    assert.ok(result.result.text);
    assert.deepEqual(importDefinition([result.result.text]), { from: "manifest" });
  }
});

test("plain Compose with a name and a tag needs nothing beside it", () => {
  const text = `name: My Wiki\nservices:\n  wiki:\n    image: example/wiki:1.2@${digestA}\n    ports: ["80:8080"]\n`;
  const { manifest } = foreign(importDefinition([text])).result;
  assert.deepEqual([manifest?.id, manifest?.name["en"], manifest?.version], ["my-wiki", "My Wiki", "1.2"]);
});

test("any texts get an answer, and a text or a reason", () => {
  const sources = [umbrelCompose, umbrelApp, casaOs, runtipiCompose, runtipiConfig, plainCompose];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...sources), fc.nat(), fc.nat(60), fc.string({ maxLength: 12 })), {
        maxLength: 3,
      }),
      (parts) => {
        const texts = parts.map(([source, at, length, insert]) => {
          const from = at % source.length;
          return source.slice(0, from) + insert + source.slice(from + length);
        });
        const result = importDefinition(texts, {}, { digests });
        if ("result" in result) assert.equal(result.result.text === undefined, result.result.problems.length > 0);
      },
    ),
    { numRuns: 300 },
  );
});
