/** Starts the machine again, through the service manager: what runs is ended in order, and the boot loader chooses anew. */
import { type RunCommand, runCommand } from "../volume/command.ts";
import { supervisorFaults } from "./supervisor.ts";

/** Throws `supervisor-deaf`. */
export async function restartMachine(run: RunCommand = runCommand): Promise<void> {
  const { code } = await run("systemctl", ["reboot", "--no-block"]);
  if (code !== 0)
    throw supervisorFaults.fault("supervisor-deaf", "the service manager does not start the machine again");
}
