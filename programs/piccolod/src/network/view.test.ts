import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy } from "@piccolo/storage/policy";
import { networkView, type ViewParts } from "./view.ts";

const member = (account: string, self: boolean, online: boolean) => ({
  account,
  name: account,
  self,
  online,
  lastSeenMs: 1,
  roundTripMs: null,
  path: "direct" as const,
  joinedAtMs: 1,
  clockWrong: false,
});
const ten = Array.from({ length: 10 }, (_, at) => member(`m${at}`, at === 0, true));

function parts(change: Partial<ViewParts> = {}): ViewParts {
  return {
    network: {
      state: "member",
      name: "Lindenstrasse",
      networkId: "ab",
      members: ten,
      clock: { state: "good", offsetMs: 0 },
      centralReachable: true,
    },
    self: "m0",
    waitingChanges: false,
    redundancy: defaultPolicy(10),
    spool: { usedBytes: 0, limitBytes: 100 },
    held: { usedBytes: 5, quotaBytes: 10, fragments: 1 },
    bytesByHolder: new Map([["m3", 42]]),
    ...change,
  };
}

test("ten members show the code they get and who holds what", () => {
  const view = networkView(parts());
  assert.deepEqual([view.policy?.k, view.policy?.n, view.policy?.survives], [3, 9, 6]);
  assert.deepEqual(
    view.members.map(({ holdsBytes }) => holdsBytes),
    [0, 0, 0, 42, 0, 0, 0, 0, 0, 0],
  );
  assert.equal(view.spool.reason, "");
});

test("content that waits on the device comes with the reason", () => {
  const spool = { usedBytes: 1, limitBytes: 100 };
  const { network } = parts();
  const reason = (change: Partial<ViewParts>): string => networkView(parts({ spool, ...change })).spool.reason;
  assert.match(reason({ network: { ...network, state: "none", members: [] } }), /no network/);
  assert.match(reason({ redundancy: undefined }), /too few members/);
  const few = ten.map((one, at) => ({ ...one, online: at < 5 }));
  assert.equal(reason({ network: { ...network, members: few } }), "4 other devices are online, and 6 are needed.");
  const pair = ten.map((one, at) => ({ ...one, online: at < 2 }));
  assert.equal(reason({ network: { ...network, members: pair } }), "1 other device is online, and 6 are needed.");
  assert.match(reason({}), /on their way/);
});

test("a device that is alone has no policy to show", () => {
  const view = networkView(parts({ redundancy: defaultPolicy(1) }));
  assert.equal("policy" in view, false);
  assert.equal("waitingInvitation" in view, false);
});
