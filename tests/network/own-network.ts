/**
 * Runs a scene in a network namespace of its own, where nothing reaches the machine's network and nothing of it comes
 * in: loopback takes multicast, and has addresses that look like the internet's.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";

/** Of the range that amateur radio has; what is done in the namespace never leaves it. */
export const publicAddress = "44.0.0.1";

const setUp = [
  "ip link set lo up multicast on",
  "ip route add 224.0.0.0/4 dev lo",
  `ip address add ${publicAddress}/32 dev lo`,
].join(" && ");

/** Resolves when the scene (a file beside this one) has ended well; rejects with what it said. */
export function playScene(scene: string): Promise<void> {
  const file = join(import.meta.dirname, scene);
  const child = spawn(
    "unshare",
    ["--map-root-user", "--net", "sh", "-c", `${setUp} && exec "$0" "$1"`, process.execPath, file],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_TEST_CONTEXT: "" } },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${scene} ended with ${code}:\n${said}`));
    });
  });
}
