/** How a device that has only the phrase becomes its owner's: slot, membership log, replacement. */
export { RecoverClient } from "./recover-client.ts";
export {
  announceReplacement,
  askEach,
  findNewestSlot,
  type FoundMembership,
  readNewestMembership,
  readWhole as readMembershipOf,
  recoverFaults,
  type RecoverParts,
} from "./replace-device.ts";
