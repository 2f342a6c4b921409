import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import type { Supervisor } from "../src/adapters/supervisor/supervisor.ts";

/** Remembers what it was told, in systemd's words (sd_notify(3)). */
export class MemorySupervisor implements Supervisor {
  readonly silenceMs: number | undefined;
  readonly messages: string[] = [];

  constructor(silenceMs?: number) {
    this.silenceMs = silenceMs;
  }

  async ready(status: string): Promise<void> {
    this.messages.push(`READY=1;STATUS=${status.replaceAll(/\s+/g, " ")}`);
  }

  async alive(): Promise<void> {
    this.messages.push("WATCHDOG=1");
  }

  async stopping(): Promise<void> {
    this.messages.push("STOPPING=1");
  }

  async next(): Promise<string> {
    const message = this.messages.shift();
    assert.ok(message !== undefined, "nothing was said");
    return message;
  }
}

export interface SupervisorUnderTest {
  readonly supervisor: Supervisor;
  /** The next message that arrived, its lines joined by `;`. */
  readonly next: () => Promise<string>;
}

export function supervisorSuite(name: string, make: (context: TestContext) => Promise<SupervisorUnderTest>): void {
  suite(`${name} as a supervisor`, () => {
    test("what the daemon says arrives, in order", async (context) => {
      const { supervisor, next } = await make(context);
      await supervisor.ready("answers at https://piccolo.local/");
      assert.equal(await next(), "READY=1;STATUS=answers at https://piccolo.local/");
      await supervisor.alive();
      assert.equal(await next(), "WATCHDOG=1");
      await supervisor.stopping();
      assert.equal(await next(), "STOPPING=1");
      assert.equal(supervisor.silenceMs, 40_000);
    });

    test("a status of two lines says nothing but itself", async (context) => {
      const { supervisor, next } = await make(context);
      await supervisor.ready("one\nMAINPID=1");
      assert.equal(await next(), "READY=1;STATUS=one MAINPID=1");
    });
  });
}
