import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { ByteWriter, concat, equalConstantTime, fromUtf8, toUtf8 } from "@piccolo/bytes";
import { decodeResponse, encodeFraming, encodeResponse, refusal } from "@piccolo/wire";
import type { Message, PeerHandler, PeerTarget, PeerTransport } from "../ports/index.ts";
import { type Make, pattern } from "./suite.ts";

/** One device of the network under test. */
export interface TransportDevice {
  readonly transport: PeerTransport;
  /** How others reach it. */
  readonly target: PeerTarget;
  /** Takes it off the network. */
  stop(): Promise<void>;
}

/** Bytes sent in place of a message; then the stream ends, the connection breaks, or nothing more comes. */
export interface RawBytes {
  readonly bytes: Uint8Array;
  readonly afterwards: "end" | "break" | "stall";
}

export interface TransportDeviceOptions {
  readonly handler: PeerHandler;
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  /** Silence for so long is a `peer-timeout`; otherwise for longer than a busy machine keeps a peer from answering. */
  readonly idleTimeoutMs?: number;
}

/** A network whose devices use the transport under test. */
export interface TransportNetwork {
  device(options: TransportDeviceOptions): Promise<TransportDevice>;
  /** A device that proves its key, then answers every request with these bytes. */
  rogueHolder(answer: RawBytes): Promise<PeerTarget>;
  /** Sends these bytes to a device as a member that proves its key; resolves when that device is done with them. */
  rogueAsker(target: PeerTarget, sent: RawBytes): Promise<void>;
}

/** Of a device whose peer falls silent. */
const hurried = { idleTimeoutMs: 800 } as const;
const patienceWith = ({ afterwards }: RawBytes) => (afterwards === "stall" ? hurried : {});

type Admission = ReturnType<PeerHandler["admit"]>;

/** Gives every message back; counts what the transport does with it. */
class EchoHandler implements PeerHandler {
  admitted = 0;
  released = 0;
  handled = 0;
  readonly keys: Uint8Array[] = [];
  limitBytes = 8_388_608;
  onAdmit: ((frame: Uint8Array) => Admission | undefined) | undefined;
  onHandle: ((request: Message, signal: AbortSignal) => Promise<Message>) | undefined;

  admit(deviceKey: Uint8Array, frame: Uint8Array): Admission {
    this.keys.push(deviceKey.slice());
    const special = this.onAdmit?.(frame);
    if (special !== undefined) return special;
    this.admitted++;
    return { bodyBytes: this.limitBytes, release: () => void this.released++ };
  }

  async handle(_deviceKey: Uint8Array, request: Message, signal: AbortSignal): Promise<Message> {
    this.handled++;
    if (this.onHandle !== undefined) return this.onHandle(request, signal);
    return { frame: concat(toUtf8("re: "), request.frame), body: request.body };
  }
}

const everybody = (): boolean => true;
const never = (): AbortSignal => new AbortController().signal;
const ask = (text: string, ...body: readonly Uint8Array[]): Message => ({ frame: toUtf8(text), body });
const limits = (maxBodyBytes = 0): { maxBodyBytes: number; signal: AbortSignal } => ({ maxBodyBytes, signal: never() });
const whole = (message: Message): Uint8Array => concat(...message.body);

function refusalCode(message: Message): string {
  const response = decodeResponse(message.frame);
  assert.ok(response.type === "refused");
  return response.code;
}

/** Waits for what happens on the other side of a connection, which no promise of this side covers. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface Pair {
  readonly network: TransportNetwork;
  readonly handler: EchoHandler;
  readonly holder: TransportDevice;
  readonly asker: TransportDevice;
}

/** What every `PeerTransport` does. The other side is another device of the same transport, or a rogue. */
export function transportSuite(name: string, make: Make<TransportNetwork>): void {
  const pair = async (
    context: TestContext,
    more: {
      readonly holder?: typeof everybody;
      readonly asker?: (deviceKey: Uint8Array) => boolean;
      readonly idleTimeoutMs?: number;
    } = {},
  ): Promise<Pair> => {
    const network = await make(context);
    const handler = new EchoHandler();
    const { holder: letsIn = everybody, asker: asks = everybody, ...patience } = more;
    const holder = await network.device({ handler, isAllowed: letsIn, ...patience });
    const asker = await network.device({ handler: new EchoHandler(), isAllowed: asks });
    return { network, handler, holder, asker };
  };

  suite(`${name} as a transport`, () => {
    test("a stranger is kept out before anything is handled", async (context) => {
      const { handler, holder, asker } = await pair(context, { holder: () => false });
      await assert.rejects(asker.transport.request(holder.target, ask("hello"), limits()), {
        code: "peer-unreachable",
      });
      assert.equal(handler.keys.length, 0);
    });

    test("a device does not ask one that is no member", async (context) => {
      const { handler, holder, asker } = await pair(context, { asker: () => false });
      await assert.rejects(asker.transport.request(holder.target, ask("hello"), limits()), {
        code: "peer-unreachable",
      });
      assert.equal(handler.keys.length, 0);
    });

    test("a device that proves another key than the one asked for is not talked to", async (context) => {
      const { network, handler, holder, asker } = await pair(context);
      const other = await network.device({ handler: new EchoHandler(), isAllowed: everybody });
      await other.stop();
      const target = { deviceKey: other.target.deviceKey, addresses: holder.target.addresses };
      await assert.rejects(asker.transport.request(target, ask("hello"), limits()), { code: "peer-unreachable" });
      assert.equal(handler.keys.length, 0);
    });

    test("a device that is gone is unreachable", async (context) => {
      const { holder, asker } = await pair(context);
      await asker.transport.request(holder.target, ask("hello"), limits());
      await holder.stop();
      await assert.rejects(asker.transport.request(holder.target, ask("hello"), limits()), {
        code: "peer-unreachable",
      });
    });

    test("an aborted request rejects with the signal's reason, before it begins and while it waits", async (context) => {
      const { handler, holder, asker } = await pair(context);
      const reason = new Error("not needed any more");
      const early = AbortSignal.abort(reason);
      await assert.rejects(
        asker.transport.request(holder.target, ask("a"), { maxBodyBytes: 0, signal: early }),
        reason,
      );
      assert.equal(handler.keys.length, 0);
      const abort = new AbortController();
      handler.onHandle = async () => {
        abort.abort(reason);
        return new Promise<Message>(() => undefined);
      };
      const { signal } = abort;
      await assert.rejects(asker.transport.request(holder.target, ask("b"), { maxBodyBytes: 0, signal }), reason);
    });

    test("a request aborted within its body is let go of by the holder", async (context) => {
      const { handler, holder, asker } = await pair(context);
      const abort = new AbortController();
      const reason = new Error("not needed any more");
      handler.onAdmit = () => {
        setTimeout(() => abort.abort(reason), 0);
        return undefined;
      };
      handler.onHandle = async (_request, signal) => {
        while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
        throw signal.reason;
      };
      const body = [pattern(8_388_608)];
      const { signal } = abort;
      const asked = asker.transport.request(holder.target, ask("store", ...body), { maxBodyBytes: 0, signal });
      await assert.rejects(asked, reason);
      await until(() => handler.released === handler.admitted);
      handler.onAdmit = undefined;
      handler.onHandle = undefined;
      const reply = await asker.transport.request(holder.target, ask("again"), limits());
      assert.equal(fromUtf8(reply.frame), "re: again");
    });

    test("a holder that refuses before the body is heard, and the body is not read", async (context) => {
      const { handler, holder, asker } = await pair(context);
      handler.onAdmit = () => ({ refusal: { frame: encodeResponse(refusal("busy", "later", 200)), body: [] } });
      for (let round = 0; round < 3; round++) {
        const reply = await asker.transport.request(holder.target, ask("store", pattern(8_388_608)), limits());
        assert.equal(refusalCode(reply), "busy");
      }
      assert.equal(handler.handled, 0);
    });

    test("a body longer than the holder grants is refused as malformed", async (context) => {
      const { handler, holder, asker } = await pair(context);
      handler.limitBytes = 1_000;
      const reply = await asker.transport.request(holder.target, ask("store", pattern(1_001)), limits());
      assert.equal(refusalCode(reply), "malformed");
      assert.equal(handler.handled, 0);
      await until(() => handler.released === 1);
      assert.equal(handler.admitted, 1);
    });

    test("a handler that fails is answered for with `internal`, without its reason", async (context) => {
      const { handler, holder, asker } = await pair(context);
      handler.onHandle = () => Promise.reject(new Error("the secret path /var/x"));
      const reply = await asker.transport.request(holder.target, ask("store", pattern(70_000)), limits());
      assert.equal(refusalCode(reply), "internal");
      assert.ok(!new TextDecoder().decode(reply.frame).includes("secret"));
      await until(() => handler.released === 1);
      assert.equal(handler.admitted, 1);
    });

    test("a response body longer than allowed is refused", async (context) => {
      const { handler, holder, asker } = await pair(context);
      handler.onHandle = () => Promise.resolve(ask("much", pattern(2_000)));
      const { transport } = asker;
      await assert.rejects(transport.request(holder.target, ask("fetch"), limits(1_999)), { code: "peer-protocol" });
      const reply = await transport.request(holder.target, ask("fetch"), limits(2_000));
      assert.equal(whole(reply).length, 2_000);
    });

    const prefix = (frameBytes: number, bodyBytes: number): Uint8Array =>
      new ByteWriter().u32(frameBytes).u64(bodyBytes).finish();
    const cut = concat(encodeFraming(toUtf8("cells"), 1_000), pattern(500));
    const rogueAnswers: readonly (readonly [about: string, answer: RawBytes, code: string])[] = [
      ["an endless frame", { bytes: prefix(0xffff_ffff, 0), afterwards: "stall" }, "peer-protocol"],
      ["an endless body", { bytes: prefix(4, Number.MAX_SAFE_INTEGER), afterwards: "stall" }, "peer-protocol"],
      ["garbage", { bytes: pattern(300, 7), afterwards: "end" }, "peer-protocol"],
      [
        "more than the message",
        { bytes: concat(encodeFraming(toUtf8("x"), 0), pattern(9)), afterwards: "end" },
        "peer-protocol",
      ],
      ["nothing", { bytes: new Uint8Array(0), afterwards: "end" }, "peer-protocol"],
      ["a message that ends early", { bytes: cut, afterwards: "end" }, "peer-protocol"],
      ["silence", { bytes: new Uint8Array(0), afterwards: "stall" }, "peer-timeout"],
      ["half a message and silence", { bytes: cut, afterwards: "stall" }, "peer-timeout"],
      ["half a message before it is gone", { bytes: cut, afterwards: "break" }, "peer-unreachable"],
    ];
    for (const [about, answer, code] of rogueAnswers) {
      test(`a holder that answers with ${about} gives ${code}`, async (context) => {
        const network = await make(context);
        const handler = new EchoHandler();
        const asker = await network.device({ handler, isAllowed: everybody, ...patienceWith(answer) });
        const target = await network.rogueHolder(answer);
        await assert.rejects(asker.transport.request(target, ask("fetch"), limits(1_000)), { code });
      });
    }

    const rogueRequests: readonly (readonly [about: string, sent: RawBytes])[] = [
      ["an endless frame", { bytes: prefix(0xffff_ffff, 0), afterwards: "stall" }],
      ["an endless body", { bytes: prefix(4, Number.MAX_SAFE_INTEGER), afterwards: "stall" }],
      ["garbage", { bytes: pattern(300, 7), afterwards: "end" }],
      ["nothing", { bytes: new Uint8Array(0), afterwards: "end" }],
      ["silence", { bytes: new Uint8Array(0), afterwards: "stall" }],
      ["half a message", { bytes: cut, afterwards: "end" }],
      ["half a message and silence", { bytes: cut, afterwards: "stall" }],
      ["half a message before it is gone", { bytes: cut, afterwards: "break" }],
    ];
    for (const [about, sent] of rogueRequests) {
      test(`a holder that gets ${about} handles nothing and goes on serving`, async (context) => {
        const { network, handler, holder, asker } = await pair(context, patienceWith(sent));
        await network.rogueAsker(holder.target, sent);
        const reply = await asker.transport.request(holder.target, ask("still there?"), limits());
        assert.equal(fromUtf8(reply.frame), "re: still there?");
        assert.equal(handler.handled, 1);
        await until(() => handler.released === handler.admitted);
      });
    }

    test("a request and its response travel without a body", async (context) => {
      const { handler, holder, asker } = await pair(context);
      const reply = await asker.transport.request(holder.target, ask("hello"), limits());
      assert.equal(fromUtf8(reply.frame), "re: hello");
      assert.equal(whole(reply).length, 0);
      assert.ok(handler.keys.every((key) => equalConstantTime(key, asker.target.deviceKey)));
      await until(() => handler.released === 1);
    });

    test("a body in pieces and a body of 8 MiB arrive whole and come back whole", async (context) => {
      const { holder, asker } = await pair(context);
      const body = pattern(8_388_608);
      const pieces = [body.subarray(0, 1), body.subarray(1, 1), body.subarray(1, 70_000), body.subarray(70_000)];
      const reply = await asker.transport.request(holder.target, ask("store", ...pieces), limits(8_388_608));
      assert.ok(equalConstantTime(whole(reply), body));
    });

    test("many requests at once get each its own answer, and each is released once", async (context) => {
      const { handler, holder, asker } = await pair(context);
      const texts = Array.from({ length: 150 }, (_, at) => `request ${at}`);
      await Promise.all(
        texts.map(async (text, at) => {
          const body = pattern(20_000 + at, at);
          const reply = await asker.transport.request(holder.target, ask(text, body), limits(body.length));
          assert.equal(fromUtf8(reply.frame), `re: ${text}`);
          assert.ok(equalConstantTime(whole(reply), body));
        }),
      );
      await until(() => handler.released === texts.length);
      assert.equal(handler.admitted, texts.length);
    });

    test("two devices ask each other at the same time", async (context) => {
      const { holder, asker } = await pair(context);
      const body = pattern(300_000);
      const replies = await Promise.all([
        asker.transport.request(holder.target, ask("there", body), limits(body.length)),
        holder.transport.request(asker.target, ask("back", body), limits(body.length)),
      ]);
      assert.deepEqual(
        replies.map((reply) => fromUtf8(reply.frame)),
        ["re: there", "re: back"],
      );
    });
  });
}
