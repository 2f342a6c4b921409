/**
 * A process without a file descriptor left. Node's `spawn` then throws nothing: it returns a child that has no streams, not
 * even `null` for them, and tells of the failure afterwards.
 */
import childProcess, { ChildProcess } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

/** For the rest of the test, for all of the process. */
export function withoutDescriptors(context: TestContext): void {
  const { spawn } = childProcess;
  context.after(() => {
    Object.assign(childProcess, { spawn });
    syncBuiltinESMExports();
  });
  Object.assign(childProcess, {
    spawn: (program: string) => {
      const child = new ChildProcess();
      const facts = { errno: -24, code: "EMFILE", syscall: `spawn ${program}`, path: program };
      process.nextTick(() => {
        child.emit("error", Object.assign(new Error(`spawn ${program} EMFILE`), facts));
        child.emit("close", facts.errno, null);
      });
      return child;
    },
  });
  syncBuiltinESMExports();
}
