import type { NetworkView } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import type { Log } from "../adapters/log.ts";
import type { CentralLink } from "./central-link.ts";
import { parseInvitation, readInvitedLog } from "./joining.ts";

/** The invitation that was handed to this device, and what its owner is shown of it. */
export class HandedInvitation {
  /** Its text, if there is one. */
  readonly text: () => string | undefined;
  readonly #log: Log;
  readonly #changed: () => void;
  #shown: NetworkView["waitingInvitation"];

  constructor(text: () => string | undefined, log: Log, changed: () => void) {
    this.text = text;
    this.#log = log;
    this.#changed = changed;
  }

  get shown(): NetworkView["waitingInvitation"] {
    return this.#shown;
  }

  /** Finds out at central what it is to. */
  async look(link: CentralLink, signal: AbortSignal): Promise<void> {
    const text = this.text();
    if (text === undefined) return;
    try {
      const { invitation } = parseInvitation(text);
      const { state } = await readInvitedLog(link, invitation, signal);
      const [inviter] = invitation.signed.signatures;
      const invitedBy = inviter === undefined ? "" : (state.memberByAccount(inviter.account)?.name ?? "");
      const { expiresAtMs } = invitation.signed.statement;
      const before = this.#shown?.networkName;
      this.#shown = { networkName: state.name, invitedBy, expiresAtMs };
      if (before === undefined) this.#changed();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#shown = undefined;
      this.#log.info("handed-invitation-of-no-use", { code: error.code });
    }
  }

  /** The device is in a network now. */
  forget(): void {
    this.#shown = undefined;
  }
}
