/** From inside: filling disk and memory, and crowding the machine. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tagOfDevice } from "../app-traces.ts";
import type { EscapeScene } from "./scene.ts";

const mebibyte = 1024 ** 2;
const fill = (path: string, mebibytes: number): string => `busybox dd if=/dev/zero of=${path} bs=1M count=${mebibytes}`;

export async function attackBounds(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  // Beyond a bound it ends; just below, it does not, so that it is the bound that ends it.
  for (const [what, path, within, beyond] of [
    ["its data volume", "/data/x", 20, 60],
    ["its scratch folder", "/scratch/x", 20, 60],
    ["shared memory", "/dev/shm/x", 20, 100],
    ["its root", "/etc/x", 40, 1_200],
  ] as const) {
    if (drill.options.small && beyond > 1_000) continue;
    drill.fault(`it fills ${what}`);
    drill.equal(`${within} MiB fit into ${what}`, await attempted(scene, fill(path, within)), true);
    drill.equal(`${beyond} MiB do not`, await attempted(scene, fill(path, beyond)), false);
    await attempted(scene, `rm -f ${path}`);
  }
  drill.fault("it fills its log");
  await attempted(
    scene,
    "busybox yes 0123456789abcdef0123456789abcdef0123456789abcdef | head -c 40000000 >/proc/1/fd/1",
  );
  await drill.eventually("its log stays below its bound", async () => {
    await delay(200);
    return logBytes() < 12 * mebibyte;
  });
  drill.fault("it makes processes without end");
  await attempted(scene, "b() { b | b & }; b; sleep 2");
  const most = largestCrowd();
  drill.check(`it has ${most} processes at most`, most <= 64);
  drill.fault("it takes memory without end");
  drill.equal("memory ends", await attempted(scene, "x=0123456789abcdef; while :; do x=$x$x; done"), false);
  await drill.eventually("the app answers after all that", async () => {
    const reply = await scene.hostile.text("/health").catch(() => undefined);
    return reply?.status === 200;
  });
}

/** False where it failed, also with the whole app. */
async function attempted(scene: EscapeScene, script: string): Promise<boolean> {
  try {
    return await scene.can(script);
  } catch {
    return false;
  } finally {
    await scene.drill.eventually("the app answers", async () => {
      const reply = await scene.hostile.text("/health").catch(() => undefined);
      return reply?.status === 200;
    });
  }
}

/** The longest log of a container. */
function logBytes(): number {
  const containers = join("/run/piccolo", tagOfDevice() ?? "", "apps/runtime/content/graph/overlay-containers");
  const sizes = readdirSync(containers, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const folder = join(containers, name, "userdata");
      return readdirSync(folder)
        .filter((file) => file.startsWith("ctr.log"))
        .map((file) => statSync(join(folder, file)).size);
    });
  return Math.max(0, ...sizes);
}

/** Of the control groups of the apps, the highest number of processes there ever were, or are. */
function largestCrowd(): number {
  const counts = new Map<string, number>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const group = /:\/(piccolo-[^\n]*)/.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
      if (group !== undefined && !group.includes("conmon")) counts.set(group, (counts.get(group) ?? 0) + 1);
    } catch {
      // It has ended meanwhile.
    }
  }
  return Math.max(0, ...counts.values());
}
