/** The scenarios, in the order they run. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
}

export const scenarios: readonly Scenario[] = [];
