/**
 * A packet filter that forgets an app's connection drops what the app says on it, and the app gives up without a word that
 * arrives: the visitor would wait for ever. The proxy asks whether the connection lives, and that brings it back to mind.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { AppConnections } from "../../programs/piccolod/src/apps/proxy/app-connections.ts";

function run(program: string, args: readonly string[], input = ""): void {
  const { status, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
}

for (const line of [
  "netns add app",
  "link add inner type veth peer name eth0 netns app",
  "address add 10.99.0.1/24 dev inner",
  "link set inner up",
  "-n app address add 10.99.0.2/24 dev eth0",
  "-n app link set eth0 up",
])
  run("ip", line.split(" "));
const rules = `table inet own {
  chain input {
    type filter hook input priority -20; policy accept;
    iifname != "inner" accept
    ct state established,related accept
    drop
  }
}
`;
run("nft", ["-f", "-"], rules);

// Says the head at once, and the body when it is told to.
const program = `
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => undefined);
  socket.once("data", () => socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n"));
  process.stdin.once("data", () => socket.end("whole"));
});
server.listen(8080, () => console.log("ready"));
`;
const app = spawn("ip", ["netns", "exec", "app", process.execPath, "-e", program], {
  stdio: ["pipe", "pipe", "inherit"],
});
await once(app.stdout, "data");

const connections = new AppConnections("10.99.0.2", 8080, () => performance.now());
const connection = connections.open();
const body = await new Promise<string>((resolve, reject) => {
  let said = "";
  connection.begin(
    {
      head: () => {
        run("nft", ["delete", "table", "inet", "own"]);
        run("conntrack", ["-F"]);
        run("nft", ["-f", "-"], rules);
        app.stdin.write("now\n");
      },
      data: (bytes) => void (said += bytes.toString()),
      end: () => resolve(said),
      switched: () => reject(new Error("it switched to something else")),
      goOn: () => undefined,
      drained: () => undefined,
      failed: reject,
    },
    { isHead: false, maySwitch: false },
  );
  connection.socket.write("GET / HTTP/1.1\r\nHost: app\r\n\r\n");
});
assert.equal(body, "whole");
connections.close();
connection.drop();
app.kill();
