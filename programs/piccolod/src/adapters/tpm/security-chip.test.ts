import { realWorld as world } from "@piccolo/world/real";
import { type ChipMachine, securityChipSuite } from "../../../test-support/security-chip-suite.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";
import { forgetfulMemory, MemoryChip } from "./memory-chip.ts";

securityChipSuite("a TPM 2.0", (context) => TpmMachine.start(context));

securityChipSuite("the chip in memory", async (): Promise<ChipMachine> => {
  const seed = world.randomBytes(32);
  const memory = forgetfulMemory();
  let chip = new MemoryChip({ world, seed, memory });
  return {
    chip: () => chip,
    reboot: async () => void (chip = new MemoryChip({ world, seed, memory })),
    measure: async (pcr) => chip.measure(pcr),
    other: async () => new MemoryChip({ world, seed: world.randomBytes(32) }),
  };
});
