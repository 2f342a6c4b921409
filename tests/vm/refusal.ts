import { DeviceProblem } from "@piccolo/devnet";

/** The code of what the device refuses with; `none` where it does not. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof DeviceProblem) return error.problem.code;
    throw error;
  }
}
