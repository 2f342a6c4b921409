import { toHex } from "@piccolo/bytes";
import type { ProposalView } from "@piccolo/central-api";
import type { Invitation as InvitationView } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import {
  checkDraft,
  cosignInvitation,
  createInvitation,
  decodeInvitation,
  decodeSignedInvitation,
  encodeInvitation,
  encodeSignedInvitation,
  type Invitation,
  type NetworkState,
  type SignedInvitation,
  signersSuffice,
} from "@piccolo/membership";
import type { OwnerKeys } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { CentralLink } from "./central-link.ts";
import type { NetworkStore } from "./store.ts";
import { networkFaults } from "./types.ts";

const lifetimeMs = 7 * 24 * 3_600_000;

export interface InvitationsOptions {
  readonly store: NetworkStore;
  readonly world: World;
  readonly state: () => NetworkState;
  /** 32 bytes. */
  readonly account: () => Uint8Array;
  /** Throws `locked`. */
  readonly ownerKeys: () => OwnerKeys;
  readonly central: () => Pick<CentralLink, "ready" | "client" | "url">;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Another member's invitation that would be taken now, but for signatures it lacks. */
interface Waiting {
  readonly proposal: ProposalView;
  readonly signed: SignedInvitation;
}

/** Invitations this device made, and those of others that wait for a second signature. */
export class Invitations {
  readonly #options: InvitationsOptions;

  constructor(options: InvitationsOptions) {
    this.#options = options;
  }

  #nameOf(account: Uint8Array | undefined): string {
    return account === undefined ? "" : (this.#options.state().memberByAccount(account)?.name ?? "a former member");
  }

  #isComplete({ signed }: Invitation): boolean {
    return signersSuffice(
      this.#options.state(),
      signed.signatures.map(({ account }) => account),
    );
  }

  #viewOwn(invitation: Invitation, text: string): InvitationView {
    const { statement } = invitation.signed;
    const id = toHex(statement.invitationKey);
    const own = this.#options.account();
    const facts = { id, mine: true, createdBy: this.#nameOf(own), expiresAtMs: statement.expiresAtMs };
    if (this.#options.state().usedInvitations.has(id)) return { ...facts, state: "used" };
    if (statement.expiresAtMs < this.#options.world.nowMs()) return { ...facts, state: "expired" };
    return this.#isComplete(invitation)
      ? { ...facts, state: "open", token: text }
      : { ...facts, state: "needs-cosigner" };
  }

  /** Makes one; below four members it is complete at once, from four on others are asked to co-sign. */
  async create(signal: AbortSignal): Promise<InvitationView> {
    const { store, world, state, ownerKeys, central } = this.#options;
    const link = central();
    const invitation = createInvitation({
      state: state(),
      ownerKeys: ownerKeys(),
      expiresAtMs: world.nowMs() + lifetimeMs,
      world,
    });
    const text = encodeInvitation(invitation, link.url);
    const id = toHex(invitation.signed.statement.invitationKey);
    // Kept before anybody is asked: a co-signed invitation whose secret is lost is of no use.
    store.saveInvitation({ id, text, createdAtMs: world.nowMs() });
    if (!this.#isComplete(invitation)) {
      await link.ready(signal);
      const bytes = encodeSignedInvitation(invitation.signed);
      await link.client.propose(state().networkId, "invitation", bytes, { signal });
    }
    return this.#viewOwn(invitation, text);
  }

  /** Central is not trusted: what is no invitation, or has signatures that do not fit, hides none of the others. */
  async #proposals(signal: AbortSignal): Promise<readonly Waiting[]> {
    const { central, state, world, report } = this.#options;
    const link = central();
    await link.ready(signal);
    const proposals = await link.client.proposals(state().networkId, { signal });
    return proposals.flatMap((proposal): Waiting[] => {
      if (proposal.kind !== "invitation") return [];
      try {
        checkDraft(state(), "invitation", proposal.bytes, world.nowMs());
        return [{ proposal, signed: decodeSignedInvitation(proposal.bytes) }];
      } catch (error) {
        if (!isFault(error)) throw error;
        report("proposal-of-no-use", { code: error.code });
        return [];
      }
    });
  }

  /** Own ones, with the signatures others added meanwhile, and those of others that still need one. */
  async list(signal: AbortSignal): Promise<readonly InvitationView[]> {
    const { store, central, account } = this.#options;
    let waiting: readonly Waiting[] = [];
    try {
      waiting = await this.#proposals(signal);
    } catch (error) {
      // Without central, or with one that answers nonsense, the own ones are still worth showing.
      if (!isFault(error)) throw error;
      this.#options.report("proposals-not-read", { code: error.code });
    }
    const own = store.ownInvitations().map(({ id, text, createdAtMs }) => {
      const { invitation } = decodeInvitation(text);
      const better = waiting.find(
        ({ signed: { statement, signatures } }) =>
          toHex(statement.invitationKey) === id && signatures.length > invitation.signed.signatures.length,
      )?.signed;
      if (better === undefined) return this.#viewOwn(invitation, text);
      const joined = invitation.withSignatures(better);
      const newText = encodeInvitation(joined, central().url);
      store.saveInvitation({ id, text: newText, createdAtMs });
      return this.#viewOwn(joined, newText);
    });
    const mine = toHex(account());
    const others = waiting.flatMap(({ proposal: { proposedBy, complete }, signed }): InvitationView[] => {
      const { invitationKey, expiresAtMs } = signed.statement;
      const id = toHex(invitationKey);
      const isOwn = toHex(proposedBy) === mine || own.some((other) => other.id === id);
      if (isOwn || complete) return [];
      return [{ id, state: "needs-cosigner", mine: false, createdBy: this.#nameOf(proposedBy), expiresAtMs }];
    });
    return [...own, ...others];
  }

  /** Adds this owner's signature to another member's invitation. */
  async cosign(id: string, signal: AbortSignal): Promise<InvitationView> {
    const { state, ownerKeys, central } = this.#options;
    for (const { proposal, signed } of await this.#proposals(signal)) {
      if (toHex(signed.statement.invitationKey) !== id) continue;
      const cosigned = cosignInvitation({ state: state(), ownerKeys: ownerKeys(), signed });
      const bytes = encodeSignedInvitation(cosigned);
      const view = await central().client.propose(state().networkId, "invitation", bytes, { signal });
      return {
        id,
        state: view.complete ? "open" : "needs-cosigner",
        mine: false,
        createdBy: this.#nameOf(proposal.proposedBy),
        expiresAtMs: signed.statement.expiresAtMs,
      };
    }
    throw networkFaults.fault("unknown-invitation", "no invitation with this id waits for a signature");
  }
}
