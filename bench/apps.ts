/** Apps on a real device with real Podman and the sealed volume, on a machine of their own. */
import { join } from "node:path";
import { runOnOwnMachine } from "../tests/apps/own-machine.ts";
import type { Report } from "./harness.ts";

const reportMark = "report ";

export async function run(): Promise<Report> {
  let report: Report | undefined;
  const { code, said } = await runOnOwnMachine(join(import.meta.dirname, "apps-scene.ts"), [], (line) => {
    if (line.startsWith(reportMark)) report = JSON.parse(line.slice(reportMark.length)) as Report;
  });
  if (code !== 0 || report === undefined) throw new Error(`the benchmark ended with ${code}:\n${said}`);
  return report;
}
