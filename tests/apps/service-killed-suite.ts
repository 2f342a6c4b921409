/** What Podman leaves behind where its service is killed in the midst of something: the same call, made again, does it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { get } from "node:http";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isFault } from "@piccolo/fault";
import type { ContainerRuntime } from "../../programs/piccolod/src/apps/runtime/container-runtime.ts";
import { loadSuiteImage, network, specOf } from "../../programs/piccolod/test-support/container-runtime-suite.ts";
import { endProcess } from "../../programs/piccolod/src/adapters/podman/endpoint.ts";
import { processesCalled } from "../drill/processes.ts";

const address = "10.131.7.9";
const port = 8_080;
const namespaces = "/run/netns";
const script = `while true; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhere' | nc -l -p ${port}; done`;
const moments = 12;
/** So long a failure is followed by another try; a machine that has much to do takes its time. */
const patienceMs = 60_000;

const names = (): readonly string[] => (existsSync(namespaces) ? readdirSync(namespaces) : []);

function kill(): void {
  for (const pid of processesCalled("podman")) endProcess(pid, "SIGKILL");
}

/** What the container at the address says; undefined where nobody is reached. */
function asked(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const outgoing = get({ host: address, port, agent: false, timeout: 1_000 }, (reply) => {
      let text = "";
      reply.on("data", (part: Buffer) => (text += part.toString()));
      reply.on("end", () => resolve(text));
      // Also where it goes silent in the midst of its answer.
      reply.on("close", () => resolve(undefined));
    });
    outgoing.on("timeout", () => outgoing.destroy());
    outgoing.on("error", () => resolve(undefined));
  });
}

/** As the engine does it: what is there is not made again, and a failure is followed by another try. */
async function made(runtime: ContainerRuntime, name: string): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    try {
      if ((await runtime.container(name)) === undefined) {
        await runtime.create(specOf(name, script, { networks: [{ network: network.name, address }] }));
      }
      await runtime.start(name);
      return;
    } catch (error) {
      if (!isFault(error) || performance.now() > endMs) throw error;
      await delay(100);
    }
  }
}

async function isReached(): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await asked();
    if (answer !== undefined || performance.now() > endMs) {
      assert.equal(answer, "here");
      return;
    }
    await delay(100);
  }
}

export function serviceKilledSuite(runtime: ContainerRuntime): void {
  test("podman: killed when it has just set up a container's network, it leaves none that has the address", async () => {
    await loadSuiteImage(runtime);
    await runtime.createNetwork(network);
    assert.deepEqual(names(), []);
    const making = made(runtime, "strayed");
    const over = new AbortController();
    const end = (): void => over.abort();
    making.then(end, end);
    while (names().length === 0 && !over.signal.aborted) await delay(1);
    kill();
    assert.ok(!over.signal.aborted, "it was killed before it was done");
    await making;
    await isReached();
    await runtime.remove("strayed");
  });

  test("podman: killed at any moment while it makes and starts a container, it does so when it is asked again", async () => {
    await loadSuiteImage(runtime);
    await runtime.createNetwork(network);
    const startMs = performance.now();
    await made(runtime, "undisturbed");
    const undisturbedMs = performance.now() - startMs;
    await runtime.remove("undisturbed");
    for (let at = 0; at < moments; at++) {
      const making = made(runtime, `killed-${at}`);
      await delay((undisturbedMs * at) / moments);
      kill();
      await making;
      await isReached();
      await runtime.remove(`killed-${at}`);
    }
    await runtime.removeNetwork(network.name);
    // What was never set up is of no use to anybody, and goes in the end.
    const endMs = performance.now() + patienceMs;
    await runtime.keepImages(new Set());
    while (names().length > 0 && performance.now() < endMs) {
      await delay(1_000);
      await runtime.keepImages(new Set());
    }
    assert.deepEqual(names(), []);
  });
}
