import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { concat } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { type Command, prepare } from "./command.ts";
import {
  create,
  createPrimary,
  entity,
  getHandles,
  getProperties,
  getRandom,
  hash,
  load,
  nvReadPublic,
  pcrRead,
  quoteCommand,
  readPublicOf,
  sealedTemplate,
  Session,
  storageRootTemplate,
  tpmFaults,
  unseal,
} from "./index.ts";
import { parseResponseCode, responseFault } from "./response-code.ts";
import { trimmed } from "./session.ts";

const world = new SeededWorld(3);
const root = entity(0x8000_0000);
const sealed = sealedTemplate(new Uint8Array(32));

const commands: readonly (() => Command<unknown>)[] = [
  () => getRandom(16),
  () => hash(new Uint8Array(3)),
  () => getHandles("transient"),
  () => getProperties(0x100, 8),
  () => pcrRead([7, 11]),
  () => createPrimary("owner", { template: storageRootTemplate }),
  () => create(root, { template: sealed, data: Uint8Array.of(1) }),
  () => load(root, { publicArea: sealed, wrapped: new Uint8Array(9) }),
  () => readPublicOf(root.handle),
  () => nvReadPublic(0x0180_0001),
  () => quoteCommand(root, new Uint8Array(8), [11]),
  () => unseal(root),
];

function session(): Session {
  const nonces = { tpm: world.randomBytes(32), caller: world.randomBytes(32) };
  return new Session(0x0200_0000, "hmac", world.randomBytes(32), nonces);
}

function framed(tag: number, code: number, rest: Uint8Array): Uint8Array {
  const head = new Uint8Array(10);
  const view = new DataView(head.buffer);
  view.setUint16(0, tag);
  view.setUint32(2, 10 + rest.length);
  view.setUint32(6, code);
  return concat(head, rest);
}

suite("answers from outside", () => {
  test("no bytes whatever are a bug of ours or a result in a proven session", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .tuple(
          fc.constantFrom(0x8001, 0x8002),
          fc.constantFrom(0, 0, 0, 0x101, 0x99d),
          fc.uint8Array({ maxLength: 120 }),
        )
        .map(([tag, code, rest]) => framed(tag, code, rest)),
    );
    for (const make of commands) {
      fc.assert(
        fc.property(anything, (response) => {
          const command = make();
          const use = { session: session() };
          const sessions = command.authorized > 0 ? { authorize: [use] } : { extra: [use] };
          assert.throws(
            () => prepare(command, sessions, world).complete(response),
            (error) => tpmFaults.owns(error),
          );
        }),
        { numRuns: 300 },
      );
    }
  });

  test("without a session a wrong answer is a fault or a well-formed result", () => {
    for (const make of commands) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (rest) => {
          const command = make();
          try {
            prepare(command, {}, world).complete(framed(command.authorized > 0 ? 0x8002 : 0x8001, 0, rest));
          } catch (error) {
            assert.ok(isFault(error));
          }
        }),
        { numRuns: 300 },
      );
    }
  });

  test("a command's secret is erased once it is in its frame", () => {
    const command = create(root, { template: sealed, data: new Uint8Array(32).fill(0x77) });
    const { frame } = prepare(command, { authorize: [{ session: session(), encryptsCommand: true }] }, world);
    assert.ok(command.parameters.every((byte) => byte === 0));
    assert.ok(!Buffer.from(frame).includes(new Uint8Array(8).fill(0x77)));
  });

  test("every code becomes a fault that tells the command and the code", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (code) => {
        const fault = responseFault("unseal", code);
        assert.equal(fault.details["responseCode"], code);
        assert.match(fault.message, /unseal/);
        assert.notEqual(parseResponseCode(code).name, "");
      }),
    );
  });

  test("trailing zeros are no part of an authorization value", () => {
    assert.deepEqual(trimmed(Uint8Array.of(0, 1, 0, 0)), Uint8Array.of(0, 1));
    assert.deepEqual(trimmed(new Uint8Array(5)), new Uint8Array(0));
  });

  test("a session's key is erased", () => {
    const own = session();
    own.erase();
    assert.ok(own.key.every((byte) => byte === 0));
  });
});
