import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { digestA, fullText, smallText } from "../test-support/texts.ts";
import { checkManifest, problemCodes, problemsMax, renderTemplate, stopSignals } from "./index.ts";

test("any text gets an answer: a manifest, or problems with known codes", () => {
  const pieces = fc.constantFrom(
    ..."\n :-[]{}&*?|>'\"%@!#,$~<\t=".split(""),
    "services",
    "x-piccolo",
    "id",
    "image",
    digestA,
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 200 }), (parts) => {
      const { manifest, problems } = checkManifest(parts.join(""));
      assert.equal(manifest === undefined, problems.length > 0);
      for (const problem of problems) assert.ok(problemCodes.includes(problem.code));
    }),
    { numRuns: 500 },
  );
});

test("a manifest that is changed anywhere gets an answer", () => {
  fc.assert(
    fc.property(fc.nat(fullText.length), fc.nat(40), fc.string({ maxLength: 10 }), (at, length, insert) => {
      const { manifest, problems } = checkManifest(fullText.slice(0, at) + insert + fullText.slice(at + length));
      assert.equal(manifest === undefined, problems.length > 0);
    }),
    { numRuns: 500 },
  );
});

test("no more problems are collected than anybody reads", () => {
  const keys = Array.from({ length: 500 }, (_, at) => `k${at}: 1`).join("\n");
  assert.equal(checkManifest(`${keys}\n${smallText}`).problems.length, problemsMax);
});

test("problems stand in the order of the text, with line and column", () => {
  const text = smallText
    .replace("port: 8080", "port: 0")
    .replace("image: registry", "ports: [80]\n    image: registry");
  assert.deepEqual(
    checkManifest(text).problems.map(({ code, place }) => [code, place]),
    [
      ["host-port", { line: 3, column: 5 }],
      ["out-of-bounds", { line: 10, column: 30 }],
    ],
  );
});

test("each signal to stop with that a manifest may name has a number here, and another is refused", () => {
  const stoppedBy = (name: string) => checkManifest(fullText.replace("stop_grace_period: 1m", `stop_signal: ${name}`));
  for (const name of stopSignals) {
    assert.equal(stoppedBy(name).manifest?.services.find((service) => service.name === "web")?.stopSignal, name);
    assert.ok(constants.signals[name] > 0, name);
  }
  for (const name of ["SIGCLD", "SIGRTMIN", "TERM", "sigterm", "15"]) {
    const { problems } = stoppedBy(name);
    assert.deepEqual(
      problems.map(({ code, path }) => [code, path]),
      [["wrong-value", "/services/web/stop_signal"]],
    );
  }
});

test("a message shows no control characters of the text it complains about", () => {
  const { problems } = checkManifest(smallText.replace("id: notes", 'id: "\\e[31mred"'));
  assert.ok(problems.length > 0);
  for (const { reason, advice } of problems) assert.doesNotMatch(reason + advice, /\p{Cc}/u);
});

test("a template is filled at its places and nowhere else", () => {
  const { manifest } = checkManifest(fullText);
  const values = {
    secret: (name: string) => `<${name}>`,
    setting: () => "$DB_PASSWORD",
    fact: () => "https://shelf.example",
  };
  const rendered = manifest?.services
    .find(({ name }) => name === "web")
    ?.environment.map(({ name, value }) => [name, renderTemplate(value, values)]);
  assert.deepEqual(rendered, [
    ["DATABASE_URL", "postgres://shelf:<DB_PASSWORD>@db/shelf"],
    ["PUBLIC_URL", "https://shelf.example"],
    ["OPEN_SIGN_UP", "$DB_PASSWORD"],
    ["PRICE", "$5"],
    ["SMTP_PASSWORD", "$DB_PASSWORD"],
    ["WORKERS", "2"],
  ]);
});

test("services stand in an order in which they can start", () => {
  assert.deepEqual(
    checkManifest(fullText).manifest?.services.map(({ name }) => name),
    ["db", "web"],
  );
});
