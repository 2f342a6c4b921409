import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { toHex } from "@piccolo/bytes";
import { type CentralClient, centralFaults, type ProposalView } from "@piccolo/central-api";
import { certifyDevice, deriveOwnerKeys, type OwnerKeys } from "@piccolo/envelope";
import {
  acceptInvitation,
  applyEntry,
  cosignInvitation,
  createInvitation,
  createNetwork,
  decodeSignedInvitation,
  encodeSignedInvitation,
  type NetworkState,
} from "@piccolo/membership";
import { SeededWorld } from "@piccolo/world";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { Invitations } from "./invitations.ts";
import { NetworkStore } from "./store.ts";

const never = new AbortController().signal;
const names = ["Ada", "Bela", "Cleo", "Dora"];

/** Four members, of whom two have to sign an invitation; seen by the first, with a central that says what a test wants. */
function scene(context: TestContext) {
  const world = new SeededWorld("invitations");
  const owners = names.map((_, at) => deriveOwnerKeys(new Uint8Array(32).fill(at + 1), 1));
  const [ada, bela] = owners;
  assert.ok(ada !== undefined && bela !== undefined);
  const deviceOf = (keys: OwnerKeys) => certifyDevice(keys, world.randomBytes(32), 1);
  const expiresAtMs = world.nowMs() + 60_000;
  const first = createNetwork({ ownerKeys: ada, device: deviceOf(ada), name: "Ada", networkName: "home", world });
  let state: NetworkState = applyEntry(undefined, first);
  for (const [at, ownerKeys] of owners.entries()) {
    if (at === 0) continue;
    const invitation = createInvitation({ state, ownerKeys: ada, expiresAtMs, world });
    const parts = { state, invitation, ownerKeys, device: deviceOf(ownerKeys), name: names[at] ?? "", world };
    state = applyEntry(state, acceptInvitation(parts));
  }
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const reports: string[] = [];
  const central: { proposals: () => readonly ProposalView[]; proposed: Uint8Array[] } = {
    proposals: () => [],
    proposed: [],
  };
  const client = {
    proposals: () => Promise.resolve().then(() => central.proposals()),
    propose: (_: Uint8Array, __: string, bytes: Uint8Array) => {
      central.proposed.push(bytes);
      return Promise.resolve(proposalOf(bytes, true));
    },
  } as unknown as CentralClient;
  const proposalOf = (bytes: Uint8Array, complete = false): ProposalView => ({
    id: new Uint8Array(32),
    kind: "invitation",
    bytes,
    proposedBy: bela.account,
    createdAtMs: world.nowMs(),
    expiresAtMs,
    complete,
    signedBy: [],
  });
  const invitations = new Invitations({
    store: new NetworkStore(db),
    world,
    state: () => state,
    account: () => ada.account,
    ownerKeys: () => ada,
    central: () => ({ ready: () => Promise.resolve(), client, url: "http://central.example" }),
    report: (event, { code }) => void reports.push(`${event} ${String(code)}`),
  });
  const belas = createInvitation({ state, ownerKeys: bela, expiresAtMs, world }).signed;
  const id = toHex(belas.statement.invitationKey);
  return { world, owners, ada, bela, state, first, central, invitations, belas, id, proposalOf, reports };
}

test("proposals that are none, forged or used up hide neither the good one nor the own ones, and are named", async (context) => {
  const { invitations, central, belas, id, first, proposalOf, reports } = scene(context);
  const own = await invitations.create(never);
  const good = encodeSignedInvitation(belas);
  const forged = good.with(good.length - 1, (good.at(-1) ?? 0) ^ 1);
  const bad = [new Uint8Array(0), new Uint8Array(7), good.subarray(1), first, forged];
  central.proposals = () => [...bad, good].map((bytes) => proposalOf(bytes));
  const listed = await invitations.list(never);
  assert.deepEqual(
    listed.map((invitation) => [invitation.id, invitation.mine, invitation.state]),
    [
      [own.id, true, "needs-cosigner"],
      [id, false, "needs-cosigner"],
    ],
  );
  assert.equal(reports.length, bad.length);
  assert.equal((await invitations.cosign(id, never)).state, "open");
});

test("signatures that do not fit do not take the place of an own invitation's", async (context) => {
  const { invitations, central, bela, state, proposalOf } = scene(context);
  await invitations.create(never);
  const [mine] = central.proposed;
  assert.ok(mine !== undefined);
  const right = cosignInvitation({ state, ownerKeys: bela, signed: decodeSignedInvitation(mine) });
  const bytes = encodeSignedInvitation(right);
  central.proposals = () => [proposalOf(bytes.with(-1 + bytes.length, (bytes.at(-1) ?? 0) ^ 1), true)];
  assert.equal((await invitations.list(never))[0]?.state, "needs-cosigner");
  central.proposals = () => [proposalOf(bytes, true)];
  assert.equal((await invitations.list(never))[0]?.state, "open");
});

test("a central that is away or answers nonsense leaves the own invitations", async (context) => {
  const { invitations, central, reports } = scene(context);
  const own = await invitations.create(never);
  for (const code of ["central-unreachable", "unexpected-reply"] as const) {
    central.proposals = () => {
      throw centralFaults.fault(code, "no");
    };
    assert.deepEqual(
      (await invitations.list(never)).map(({ id }) => id),
      [own.id],
    );
    assert.ok(reports.includes(`proposals-not-read ${code}`));
  }
});
