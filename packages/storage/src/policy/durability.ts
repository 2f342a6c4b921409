import assert from "node:assert/strict";

/** What is assumed of members' devices. */
export interface DeviceRates {
  /** Losses per device and year. */
  readonly lossPerYear: number;
  /** Days from a loss until the fragment is rebuilt on another device that is there already. */
  readonly repairDaysWithSpare: number;
  /** Days until it is rebuilt when somebody first has to replace a device. */
  readonly repairDaysWithoutSpare: number;
  /** Share of the time a device is online. */
  readonly online: number;
}

/** What is believed before anything was observed. */
export const priorRates: DeviceRates = {
  lossPerYear: 0.05,
  repairDaysWithSpare: 7,
  repairDaysWithoutSpare: 30,
  online: 0.95,
};

/** The prior weighs as much as this much observation, so that a few quiet peers do not look immortal. */
const priorDeviceYears = 100;
const daysPerYear = 365.25;

/** The loss rate after what was observed (the mean of a gamma posterior whose prior is `priorRates`). */
export function observedRates(observed: { readonly deviceYears: number; readonly losses: number }): DeviceRates {
  assert.ok(observed.deviceYears >= 0 && observed.losses >= 0);
  const lossPerYear =
    (priorRates.lossPerYear * priorDeviceYears + observed.losses) / (priorDeviceYears + observed.deviceYears);
  return { ...priorRates, lossPerYear };
}

export interface Code {
  readonly k: number;
  readonly n: number;
}

/**
 * Probability that a segment is lost within a year. A Markov chain over the number of lost fragments: each of the
 * n - i fragments that are left is lost at the loss rate, each of the i lost ones is rebuilt at one over the repair
 * time, and n - k + 1 losses are final. The mean time to that state is exact (birth-death recursion); from it the
 * probability within a year follows, since the chain forgets its start within weeks.
 */
export function lossProbabilityPerYear(code: Code, rates: DeviceRates, spare: boolean): number {
  const { k, n } = code;
  assert.ok(k >= 1 && k <= n);
  const repairPerYear = daysPerYear / (spare ? rates.repairDaysWithSpare : rates.repairDaysWithoutSpare);
  let toNextYears = 0;
  let totalYears = 0;
  for (let lost = 0; lost <= n - k; lost++) {
    const losing = (n - lost) * rates.lossPerYear;
    toNextYears = (1 + lost * repairPerYear * toNextYears) / losing;
    totalYears += toNextYears;
  }
  return -Math.expm1(-1 / totalYears);
}

/** Probability that at a random moment fewer than k holders are online. */
export function unreadableProbability(code: Code, rates: DeviceRates): number {
  const { k, n } = code;
  let sum = 0;
  let ways = 1;
  for (let online = 0; online < k; online++) {
    sum += ways * rates.online ** online * (1 - rates.online) ** (n - online);
    ways = (ways * (n - online)) / (online + 1);
  }
  return sum;
}

/** A probability as a number of nines: 0.001 is three. */
export function nines(probability: number): number {
  return -Math.log10(probability);
}
