import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "./config.ts";

test("arguments that say nothing, too much or nonsense are refused", () => {
  const good = ["--state", "/srv/central", "--listen", "127.0.0.1:8700"];
  for (const args of [
    [],
    good.slice(0, 2),
    ["--state", "", ...good.slice(2)],
    ["--state", "/srv/central", "--listen", "nowhere"],
    ["--state", "/srv/central", "--listen", ":80"],
    ["--state", "/srv/central", "--listen", "127.0.0.1:70000"],
    [...good, "--role", "king"],
    [...good, "--relay-listen", "/dns/x/tcp/1"],
    [...good, "--trusted-proxy", "proxy.example"],
    [...good, "--unknown"],
    [...good, "stray"],
  ]) {
    assert.throws(() => readConfig(args), args.join(" "));
  }
});

test("arguments become a configuration", () => {
  assert.deepEqual(
    readConfig(["--state", "/srv/central", "--listen", "[::1]:0", "--role", "api", "--trusted-proxy", "::1"]),
    {
      stateFolder: "/srv/central",
      host: "::1",
      port: 0,
      role: "api",
      relayListen: "/ip4/127.0.0.1/tcp/0",
      trustedProxy: "::1",
    },
  );
});
