/** A device that is nobody's: what it learns of a phrase from whoever keeps sealed slots. */
import { findSlot } from "@piccolo/central-api";
import { openPhraseSlot, parsePhrase, type Phrase } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { RecoverClient } from "@piccolo/storage/recover";
import { realWorld } from "@piccolo/world/real";
import { createPeerNet, type PeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";

/** The member at an address, or central. */
export type Keeper = { readonly address: string } | { readonly centralOrigin: string };

export class Stranger {
  readonly #net: PeerNet;
  readonly #client: RecoverClient;

  private constructor(net: PeerNet) {
    this.#net = net;
    this.#client = new RecoverClient(net.recoverTransport);
  }

  static async start(): Promise<Stranger> {
    const net = createPeerNet({
      deviceSeed: realWorld.randomBytes(32),
      listen: [],
      relay: () => [],
      isAllowed: () => false,
      isRelay: () => false,
      handler: { admit: () => nobodyAsks(), handle: () => nobodyAsks() },
      world: realWorld,
      log: () => undefined,
    });
    await net.start();
    return new Stranger(net);
  }

  /** The key epoch whose root the phrase opens there; undefined where nothing is kept under it. */
  async epochBehind(phraseText: string, keeper: Keeper): Promise<number | undefined> {
    const phrase = parsePhrase(phraseText);
    try {
      const slot = "address" in keeper ? await this.#atMember(phrase, keeper.address) : await atCentral(phrase, keeper);
      if (slot === undefined) return undefined;
      const { opened } = openPhraseSlot(slot, phrase);
      const { epoch } = opened;
      opened.erase();
      return epoch;
    } finally {
      phrase.erase();
    }
  }

  async #atMember(phrase: Phrase, address: string): Promise<Uint8Array | undefined> {
    const signal = AbortSignal.timeout(10_000);
    return this.#client.findSlot(await this.#net.whoIsAt(address, signal), phrase, signal);
  }

  stop(): Promise<void> {
    return this.#net.stop();
  }
}

async function atCentral(
  phrase: Phrase,
  { centralOrigin: baseUrl }: { readonly centralOrigin: string },
): Promise<Uint8Array | undefined> {
  try {
    return await findSlot({ baseUrl, fetch, world: realWorld }, phrase);
  } catch (error) {
    if (isFault(error, "unknown-slot")) return undefined;
    throw error;
  }
}

function nobodyAsks(): never {
  throw new Error("nobody asks a stranger");
}
