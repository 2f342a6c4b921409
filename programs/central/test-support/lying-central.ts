/**
 * A central that lies: it stands in front of an honest one under an address of its own, passes calls on as they came
 * (signatures name the host that the caller sees), and changes what comes back as it is told.
 */
import { type IncomingMessage, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { toBase64Url } from "@piccolo/bytes";
import { decodeVaultPage, encodeVaultPage, type LogPage, type VaultEntry, type VaultState } from "@piccolo/central-api";

export interface Lies {
  /** Shows no entry of a metadata log after this sequence, as if it had never come. */
  readonly withholdAfter?: number;
  /** Of another branch: shown in the places of these entries (by sequence, from `forkFrom` on) and as the newest head. */
  readonly fork?: { readonly from: number; readonly entries: readonly VaultEntry[] };
  /** Shown after the entries of every membership log. */
  readonly inventedMembers?: readonly Uint8Array[];
  /** Shows the membership log only up to here. */
  readonly membersUpTo?: number;
  /** In place of every sealed slot, e.g. an older one. */
  readonly slot?: Uint8Array;
  /** In place of each segment of a checkpoint that it hands out. */
  readonly segment?: (bytes: Uint8Array) => Uint8Array;
  /** Says that it took in what was brought, and forgets it. */
  readonly dropsWrites?: boolean;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

const pathOf = (url: string | undefined): string => (url ?? "").split("?")[0] ?? "";
const jsonOf = (reply: Reply): unknown => JSON.parse(Buffer.from(reply.body).toString());
const jsonReply = (reply: Reply, value: unknown): Reply => ({ ...reply, body: Buffer.from(JSON.stringify(value)) });

async function read(message: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of message) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

export class LyingCentral {
  lies: Lies = {};
  /** How many replies were changed: a drill that no lie reached proved nothing. */
  told = 0;
  readonly #honest: URL;
  readonly #server: Server;
  readonly #heads = new Map<number, Uint8Array>();

  private constructor(honest: string) {
    this.#honest = new URL(honest);
    this.#server = createServer((incoming, outgoing) => {
      this.#serve(incoming).then(
        ({ status, type, body }) => {
          outgoing.writeHead(status, { "content-type": type, "content-length": body.length });
          outgoing.end(body);
        },
        () => outgoing.destroy(),
      );
    });
  }

  /** In front of the central at this origin; port 0 takes a free one. */
  static async start(honest: string, port = 0): Promise<LyingCentral> {
    const lying = new LyingCentral(honest);
    await new Promise<void>((resolve) => lying.#server.listen(port, "127.0.0.1", resolve));
    return lying;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage): Promise<Reply> {
    const body = await read(incoming);
    const path = pathOf(incoming.url);
    if (this.lies.dropsWrites === true && incoming.method === "PUT" && path.startsWith("/v1/blobs/")) {
      this.told += 1;
      return { status: 204, type: "application/json", body: new Uint8Array(0) };
    }
    const reply = await this.#pass(incoming, body);
    if (reply.status !== 200) return reply;
    const lie = this.#change(incoming.method ?? "", path, reply);
    if (lie !== reply) this.told += 1;
    return lie;
  }

  #pass(incoming: IncomingMessage, body: Uint8Array): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { hostname: host, port } = this.#honest;
      const { method, url: path, headers } = incoming;
      const outgoing = request({ host, port, method, path, headers: { ...headers, connection: "close" } }, (reply) => {
        read(reply).then(
          (bytes) =>
            resolve({
              status: reply.statusCode ?? 502,
              type: reply.headers["content-type"] ?? "application/json",
              body: bytes,
            }),
          reject,
        );
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  #change(method: string, path: string, reply: Reply): Reply {
    const { slot } = this.lies;
    if (path === "/v1/recovery/slot" && slot !== undefined) return jsonReply(reply, { slot: toBase64Url(slot) });
    const { segment } = this.lies;
    if (method === "GET" && path.startsWith("/v1/blobs/") && segment !== undefined) {
      return { ...reply, body: segment(reply.body) };
    }
    if (method === "GET" && path.endsWith("/log")) return this.#changeMembers(reply);
    if (method === "GET" && path.endsWith("/metadata/state")) return this.#changeState(reply);
    if (method === "GET" && path.endsWith("/metadata")) return this.#changePage(reply);
    return reply;
  }

  #changeMembers(reply: Reply): Reply {
    const { inventedMembers = [], membersUpTo } = this.lies;
    const page = jsonOf(reply) as LogPage;
    const invented = inventedMembers.map(toBase64Url);
    const shown =
      membersUpTo === undefined ? page.entries : page.entries.slice(0, Math.max(0, membersUpTo - page.from));
    const length = Math.min(page.length, membersUpTo ?? page.length) + invented.length;
    if (shown.length === page.entries.length && invented.length === 0) return reply;
    const isEnd = page.from + shown.length >= length - invented.length;
    const after = isEnd ? invented.slice(Math.max(0, page.from - (length - invented.length))) : [];
    return jsonReply(reply, { ...page, length, entries: [...shown, ...after] });
  }

  #newest(honest: number): number {
    const { withholdAfter, fork } = this.lies;
    if (fork !== undefined) return fork.from + fork.entries.length - 1;
    return Math.min(honest, withholdAfter ?? honest);
  }

  #changeState(reply: Reply): Reply {
    const state = jsonOf(reply) as VaultState;
    const sequence = this.#newest(state.sequence);
    const { fork } = this.lies;
    const head = fork?.entries.at(-1)?.head ?? this.#heads.get(sequence);
    if (fork === undefined && sequence === state.sequence) return reply;
    if (sequence === 0 || head === undefined) return jsonReply(reply, { ...state, sequence: 0, first: 1, head: null });
    return jsonReply(reply, { ...state, sequence, head: toBase64Url(head) });
  }

  /** Lets the liar show an older head: it has to have seen it. */
  remember(sequence: number, head: Uint8Array): void {
    this.#heads.set(sequence, head);
  }

  #changePage(reply: Reply): Reply {
    const page = decodeVaultPage(reply.body);
    const newest = this.#newest(page.newest);
    const { fork } = this.lies;
    if (fork === undefined && newest === page.newest) return reply;
    const sequences = page.entries.map(({ head }) => sequenceOf(head));
    const kept = page.entries.filter((_, at) => (sequences[at] ?? 0) <= (fork === undefined ? newest : fork.from - 1));
    const begins = fork !== undefined && (sequences.at(0) ?? Infinity) <= fork.from + fork.entries.length - 1;
    const forked = fork?.entries.filter((_, at) => fork.from + at >= (sequences.at(0) ?? 0)) ?? [];
    const entries = begins ? [...kept, ...forked] : kept;
    return { ...reply, body: encodeVaultPage({ first: page.first, newest, entries }) };
  }
}

/** Where a head says its sequence stands: after format, kind, network, account, device epoch and key epoch. */
function sequenceOf(head: Uint8Array): number {
  return Number(Buffer.from(head).readBigUInt64BE(2 + 32 + 32 + 4 + 4));
}
