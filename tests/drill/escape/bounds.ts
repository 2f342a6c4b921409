/** From inside: filling disk and memory, and crowding the machine. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ControlGroup } from "../../apps/control-groups.ts";
import { type RunningContainer, runningContainer } from "../app-traces.ts";
import { type EscapeScene, hostileContainer, must } from "./scene.ts";

const mebibyte = 1024 ** 2;
const fill = (path: string, mebibytes: number): string => `busybox dd if=/dev/zero of=${path} bs=1M count=${mebibytes}`;

/** A place that ends somewhere: just below its end something fits, beyond it nothing does, and in a larger place it would. */
interface Place {
  readonly path: string;
  /** So much is there already when it is filled. */
  readonly first?: string;
  readonly fitsMebibytes: number;
  readonly beyondMebibytes: number;
}

const places: Readonly<Record<string, Place>> = {
  "its data volume": {
    path: "/data/x",
    fitsMebibytes: 20,
    beyondMebibytes: 60,
  },
  "its scratch folder": {
    path: "/scratch/x",
    fitsMebibytes: 20,
    beyondMebibytes: 60,
  },
  "shared memory": {
    path: "/dev/shm/x",
    fitsMebibytes: 20,
    beyondMebibytes: 80,
  },
  "its root": {
    path: "/etc/filled/x",
    // A gibibyte is much to write: most of what is free is taken without that.
    first:
      "free=$(busybox df -m / | { while read -r line; do last=$line; done; set -- $last; echo $4; }); mkdir /etc/filled; busybox fallocate -l $((free - 30))M /etc/first",
    fitsMebibytes: 10,
    beyondMebibytes: 60,
  },
};

export async function attackBounds(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  const container = await runningContainer(hostileContainer);
  for (const [what, { path, first, fitsMebibytes, beyondMebibytes }] of Object.entries(places)) {
    drill.fault(`it fills ${what}`);
    const empty = (): Promise<boolean> => attempted(scene, `rm -f ${path}`);
    if (first !== undefined) drill.equal(`most of ${what} is taken`, await attempted(scene, first), true);
    drill.equal(`${fitsMebibytes} MiB fit into ${what}`, await attempted(scene, fill(path, fitsMebibytes)), true);
    drill.equal(`${beyondMebibytes} MiB do not`, await attempted(scene, fill(path, beyondMebibytes)), false);
    await empty();
    const uncover = cover(container, dirname(path));
    drill.equal("and do in a larger place", await attempted(scene, fill(path, beyondMebibytes)), true);
    await empty();
    uncover();
  }
  drill.fault("it fills what the device laid out for it");
  const name = "/etc/hostname";
  drill.equal("that cannot be written to", await attempted(scene, `echo x >>${name}`), false);
  must("nsenter", "--target", String(container.pid), "--mount", "/bin/busybox", "umount", name);
  drill.equal("and what is of its own there can", await attempted(scene, `echo x >>${name}`), true);
  await fillLog(scene);
  await crowd(scene);
  const { milliCpus: given } = new ControlGroup((await runningContainer(hostileContainer)).pid, "cpu");
  // That it is held back there is seen in the isolation suite, where little is enough for it on a busy machine, too.
  drill.equal("of the processor's time it has what its manifest says", given, milliCpus);
  drill.fault("it takes memory without end");
  const takes = (doublings: number): string =>
    `x=0123456789abcdef; n=0; while [ $n -lt ${doublings} ]; do x=$x$x; n=$((n+1)); done`;
  drill.equal("it gets some memory", await attempted(scene, takes(19)), true);
  // Half a gibibyte, of which the shell has two more on the way there.
  drill.equal("memory ends", await attempted(scene, takes(25)), false);
  new ControlGroup((await runningContainer(hostileContainer)).pid, "memory").raiseMemoryMax(4 * 1024 * mebibyte);
  drill.equal("with more of it, it goes on", await attempted(scene, takes(25)), true);
  await drill.eventually("the app answers after all that", async () => {
    const reply = await scene.hostile.text("/health").catch(() => undefined);
    return reply?.status === 200;
  });
}

/** A folder of the container has another, larger place laid over it. */
function cover({ pid }: RunningContainer, folder: string): () => void {
  const inside = (...command: readonly string[]): string =>
    must("nsenter", "--target", String(pid), "--mount", "/bin/busybox", ...command);
  inside("mount", "-t", "tmpfs", "-o", "size=200m,mode=1777", "tmpfs", folder);
  return () => inside("umount", folder);
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

/** Looks again and again while the work is under way, and once after it. */
async function watched<T>(work: Promise<T>, look: () => void): Promise<T> {
  const state = { isOver: false };
  const over = work.finally(() => {
    state.isOver = true;
  });
  while (!state.isOver) {
    look();
    await delay(20);
  }
  look();
  return over;
}

const logText = "0123456789abcdef0123456789abcdef0123456789abcdef";

/** What is at the bound begins anew, so that only while it is written can be seen how much there is. */
async function fillLog(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  drill.fault("it fills its log");
  const { logFolder } = await runningContainer(hostileContainer);
  let [most, mostOfText] = [0, 0];
  const isWritten = await watched(attempted(scene, `busybox yes ${logText} | head -c 40000000 >&3`), () => {
    const files = logFiles(logFolder);
    most = Math.max(
      most,
      files.reduce((sum, file) => sum + file.length, 0),
    );
    for (const file of files) {
      if (mostOfText > mebibyte || file.length < 4 * mebibyte) continue;
      mostOfText = file.toString("latin1").split(logText).length * logText.length;
    }
  });
  drill.equal("it may write as much as it likes", isWritten, true);
  const inMebibytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(1)} MiB`;
  drill.check(`${inMebibytes(mostOfText)} of its text are in its log`, mostOfText > mebibyte);
  drill.check(`of 38 MiB its log never had more than ${inMebibytes(most)}`, most < 12 * mebibyte);
}

function logFiles(folder: string): readonly Buffer[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith("ctr.log"))
    .flatMap((name) => {
      try {
        return [readFileSync(join(folder, name))];
      } catch {
        // It has made room for the next one meanwhile.
        return [];
      }
    });
}

/** What the hostile app's manifest says. */
const processesMax = 64;
const milliCpus = 1_000;

async function crowd(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  drill.fault("it makes processes without end");
  const group = new ControlGroup((await runningContainer(hostileContainer)).pid, "pids");
  const before = group.processes;
  drill.check("a few processes are none too many", before.refused === 0 && before.now > 0);
  let most = 0;
  const look = (): number => {
    const { now, refused } = group.processes;
    most = Math.max(most, now);
    return refused;
  };
  await watched(attempted(scene, "b() { b | b & }; b; sleep 2"), look);
  // On a busy machine it may grow for longer than it was watched. One more is only refused where there are as many as may be.
  await drill.eventually("it has all it may have", async () => look() > 0);
  drill.check(`it has ${most} processes at most`, most <= processesMax);
  await drill.eventually("the crowd is gone", async () => group.processes.now <= before.now + 4);
  // None ends before the last was tried, however long that takes.
  const hundred = `trap 'kill $all' EXIT; n=0; while [ $n -lt 100 ]; do sleep 60 & all="$all $!"; n=$((n+1)); done`;
  drill.equal("a hundred at once are refused", await attempted(scene, hundred), false);
  await drill.eventually("they are gone", async () => group.processes.now <= before.now + 4);
  group.processesMax = 200;
  try {
    drill.equal("and are possible without the bound", await attempted(scene, hundred), true);
  } finally {
    group.processesMax = processesMax;
  }
}
