import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { downloadDigest, Network, seededDigest, seededStream, until, uploadFile } from "@piccolo/devnet";

interface Security {
  readonly slots: { readonly phrase: { readonly copies: number } };
  readonly backup: { readonly state: string; readonly waitingChanges: boolean };
}

interface Listing {
  readonly nodes: readonly { readonly id: string; readonly name: string }[];
}

const sizeBytes = 100_000;
const folder = mkdtempSync(join(tmpdir(), "piccolo-local-recovery-"));
const network = await Network.open({
  folder,
  devices: 3,
  centralPort: 8700,
  devicePort: 8701,
  peerPort: 8721,
  deviceArgs: () => ["--mdns"],
});
try {
  await network.startWhole();
  const { session, phrase } = network.device(1);
  assert.ok(phrase !== undefined);
  const content = (offset: number) => seededStream("letter", sizeBytes, offset);
  await uploadFile(session, { filename: "letter", sizeBytes, content });
  await until("the others keep the slot, and the letter in the log", async () => {
    const { slots, backup } = await session.call<Security>("GET", "/security");
    return slots.phrase.copies === 2 && backup.state === "ready" && !backup.waitingChanges;
  });

  await network.central.kill();
  const fresh = await network.replaceDevice(1);
  const { claimCode } = fresh.record;
  const newPassword = "a password for the new device";
  await fresh.session.finish(await fresh.session.recover({ claimCode, phrase, newPassword }));
  const [letter] = (await fresh.session.call<Listing>("GET", "/files")).nodes;
  const { digest } = await downloadDigest(fresh.session, letter?.id ?? "");
  assert.equal(digest, seededDigest("letter", sizeBytes));
} finally {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
}
