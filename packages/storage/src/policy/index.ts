/** The redundancy policy: what durability a code gives, and which code a network gets. Pure. */
export {
  type Code,
  type DeviceRates,
  lossProbabilityPerYear,
  nines,
  observedRates,
  priorRates,
  unreadableProbability,
} from "./durability.ts";
export {
  acknowledgedFragments,
  defaultPolicy,
  fixedPolicy,
  fragmentsFor,
  modelledRedundancy,
  type Redundancy,
  redundancyOf,
  type RedundancyPolicy,
  redundancyTable,
} from "./redundancy.ts";
