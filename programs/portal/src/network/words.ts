/** The network in sentences. */
import type { Invitation, Member, NetworkView } from "../api/queries.ts";
import { agoInWords, durationInWords, untilInWords } from "../wording/time.ts";

export const othersOf = (network: Pick<NetworkView, "members">): readonly Member[] =>
  network.members.filter(({ self }) => !self);

/** One line for the corner of the screen. */
export function presenceInWords(network: Pick<NetworkView, "state" | "members">): string {
  if (network.state === "joining") return "Joining a network…";
  if (network.state === "none") return "Not in a network";
  const others = othersOf(network);
  if (others.length === 0) return "Nobody else yet";
  const online = others.filter((member) => member.online).length;
  if (online === others.length) return others.length === 1 ? "1 other online" : `All ${others.length} others online`;
  return `${online} of ${others.length} others online`;
}

export function memberInWords(member: Member, nowMs: number): string {
  if (member.clockWrong) return "Not reachable, because its clock is wrong";
  if (member.online) return "Online";
  return member.lastSeenMs === 0 ? "Not seen yet" : `Last seen ${agoInWords(member.lastSeenMs, nowMs)}`;
}

/** How it is reached, for those who want to know. */
export function pathInWords(member: Member): string {
  if (!member.online || member.path === "none") return "";
  const way = member.path === "direct" ? "Connected directly" : "Connected through the relay";
  return member.roundTripMs === null ? way : `${way}, ${Math.max(1, Math.round(member.roundTripMs))} ms`;
}

export function clockInWords(clock: NetworkView["clock"]): string | undefined {
  if (clock.state === "forgotten") {
    return "This device's clock lost the time while it was off, and nobody has told it the time yet. Connect the device to the internet, or set the clock in the firmware set-up; a battery in it may be empty.";
  }
  if (clock.state !== "wrong") return undefined;
  const direction = clock.offsetMs > 0 ? "fast" : "slow";
  return `This device's clock is ${durationInWords(clock.offsetMs)} ${direction}. Others may refuse it until the clock is right.`;
}

export function invitationInWords(invitation: Invitation, nowMs: number): string {
  switch (invitation.state) {
    case "needs-cosigner":
      return "Waits until one more member agrees";
    case "open":
      return `Ready to hand over. Expires ${untilInWords(invitation.expiresAtMs, nowMs)}`;
    case "used":
      return "Used";
    default:
      return "Expired";
  }
}
