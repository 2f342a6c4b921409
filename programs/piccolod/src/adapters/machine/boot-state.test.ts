import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { type BootMachine, bootStateSuite } from "../../../test-support/boot-state-suite.ts";
import { MemoryBootState } from "../../../test-support/memory-boot-state.ts";
import type { FoundBoot } from "../../system/boot-state.ts";
import { MachineBootState } from "./boot-state.ts";

const variable = (name: string): string => `sys/firmware/efi/efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`;

class FolderMachine implements BootMachine {
  readonly root: string;
  readonly bootState: MachineBootState;

  constructor(context: TestContext) {
    this.root = mkdtempSync(join(tmpdir(), "machine-"));
    context.after(() => rmSync(this.root, { recursive: true, force: true }));
    this.bootState = new MachineBootState(this.root);
  }

  write(path: string, content: Uint8Array): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  readonly show = ({ firmware, secureBoot, setupMode, log, pcrKey }: FoundBoot): void => {
    for (const folder of ["sys", "run"]) rmSync(join(this.root, folder), { recursive: true, force: true });
    if (firmware === "uefi") mkdirSync(join(this.root, "sys/firmware/efi/efivars"), { recursive: true });
    const truths = { SecureBoot: secureBoot, SetupMode: setupMode };
    for (const [name, value] of Object.entries(truths)) {
      if (value !== undefined) this.write(variable(name), new Uint8Array([6, 0, 0, 0, value ? 1 : 0]));
    }
    if (log !== undefined) this.write("sys/kernel/security/tpm0/binary_bios_measurements", log);
    if (pcrKey !== undefined) this.write("run/systemd/tpm2-pcr-public-key.pem", pcrKey);
  };
}

bootStateSuite("the machine below a root folder", (context) => new FolderMachine(context));

bootStateSuite("the machine in memory", () => {
  const bootState = new MemoryBootState({
    firmware: "bios",
    secureBoot: undefined,
    setupMode: undefined,
    log: undefined,
    pcrKey: undefined,
  });
  return { bootState, show: (what) => bootState.show(what) };
});

test("a firmware variable that is no truth value, or cannot be read, is a failure and no answer", async (context) => {
  const machine = new FolderMachine(context);
  for (const content of [[6, 0, 0, 0], [6, 0, 0, 0, 2], [6, 0, 0, 0, 1, 1], []]) {
    machine.write(variable("SecureBoot"), new Uint8Array(content));
    await assert.rejects(machine.bootState.read(), { code: "boot-state-unreadable" });
  }
  rmSync(join(machine.root, variable("SecureBoot")));
  symlinkSync(basename(variable("SecureBoot")), join(machine.root, variable("SecureBoot")));
  await assert.rejects(machine.bootState.read(), { code: "boot-state-unreadable" });
});

test("a file that says it is empty is read to its end", async (context) => {
  const machine = new FolderMachine(context);
  // Files of /proc say they have 0 bytes, as the kernel's boot log does.
  const [link, log] = ["/proc/self/maps", "sys/kernel/security/tpm0/binary_bios_measurements"];
  assert.equal(statSync(link).size, 0);
  mkdirSync(dirname(join(machine.root, log)), { recursive: true });
  symlinkSync(link, join(machine.root, log));
  assert.ok(((await machine.bootState.read()).log?.length ?? 0) > 4_096);
});
