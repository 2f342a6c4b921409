/** From outside: what a visitor, or another site in a visitor's browser, tries at the device's door. */
import { connect } from "node:net";
import type { AppVisit, Device, DeviceSession } from "@piccolo/devnet";
import { cookiesPath, foreignCookies, ownCookie } from "@piccolo/oci-image/hostile";
import type { DrillContext } from "../drill.ts";

interface Place {
  readonly host: string;
  readonly port: number;
}

/** All that comes back until the connection ends. */
function exchange({ host, port }: Place, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => (text += part));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.setTimeout(8_000, () => socket.destroy());
    socket.write(bytes, "latin1");
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const lines = (...parts: readonly string[]): string => `${parts.join("\r\n")}\r\n\r\n`;

export interface ProxyTargets {
  readonly device: Device;
  /** The owner's, at the portal. */
  readonly session: DeviceSession;
  /** The app that gives back what reaches it, as its owner visits it, and its container's own address. */
  readonly mirror: AppVisit;
  readonly container: Place;
  /** With a cookie of its own. */
  readonly hostile: AppVisit;
  /** The app with a page for everybody that reads a path in every way, and its container's own address. */
  readonly naive: AppVisit;
  readonly naiveContainer: Place;
}

export async function attackProxy(drill: DrillContext, targets: ProxyTargets): Promise<void> {
  await forgeHeaders(drill, targets);
  await smuggle(drill, targets);
  await rebind(drill, targets);
  await trickPaths(drill, targets);
  await setCookies(drill, targets);
}

const identityNames = [
  "X-Piccolo-User",
  "x-piccolo-user",
  "X_Piccolo_User",
  "x_piccolo_user",
  "X-PICCOLO_USER",
  "X.Piccolo.User",
  "X-Forwarded-User",
  "x_forwarded_user",
  "Remote-User",
  "REMOTE_USER",
  "X-Remote-User",
  "X-WEBAUTH-USER",
  "X-Auth-Request-Email",
  "X-Authentik-Username",
  "Forwarded",
  "X-Forwarded-For",
  "X-Real-IP",
  "X-Original-URL",
];

async function forgeHeaders(drill: DrillContext, { device, mirror, container }: ProxyTargets): Promise<void> {
  const door: Place = { host: "127.0.0.1", port: device.record.port };
  const host = new URL(mirror.origin).host;
  const forged = identityNames.map((name) => `${name}: mallory`);
  const device_ = `piccolo_${device.process.name}`;
  const requests = {
    "a request": lines(
      "GET /x HTTP/1.1",
      `Host: ${host}`,
      `Cookie: ${mirror.cookie}; ${device_}=mallory; own=1`,
      ...forged,
      "X-Own: well",
      "Connection: close",
    ),
    "a request that asks to switch": lines(
      "GET /x HTTP/1.1",
      `Host: ${host}`,
      `Cookie: ${mirror.cookie}; ${device_}=mallory; own=1`,
      ...forged,
      "X-Own: well",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ),
    "headers behind the body": `${lines("POST /x HTTP/1.1", `Host: ${host}`, `Cookie: ${mirror.cookie}; own=1`, "X-Own: well", "Transfer-Encoding: chunked", "Trailer: X-Piccolo-User", "Connection: close")}4\r\nbody\r\n0\r\nX-Piccolo-User: mallory\r\nX_Piccolo_User: mallory\r\n\r\n`,
    "headers that a connection names": lines(
      "GET /x HTTP/1.1",
      `Host: ${host}`,
      `Cookie: ${mirror.cookie}; own=1`,
      "X-Own: well",
      "Connection: close, X-Forwarded-For",
      "X-Piccolo-User: mallory",
    ),
  };
  for (const [what, bytes] of Object.entries(requests)) {
    drill.fault(`forged in ${what}`);
    drill.check(
      `${what} reaches an app that is visited directly, forged`,
      /mallory/.test(await exchange(container, bytes)),
    );
    const answer = await exchange(door, bytes);
    drill.check(`${what} reaches nobody in another's name`, !/mallory/i.test(answer));
    // One that switches is not mirrored: it is answered with what the app says, without a body.
    if (/switch/.test(what)) continue;
    drill.equal(`${what} reaches the app`, statusOf(answer), 200);
    drill.check("with its own headers", /x-own: well/i.test(answer));
    drill.check("and the device's word for who it is", /x-piccolo-user: You/i.test(answer));
    drill.check("without the cookie that let it in", !answer.includes(mirror.cookie));
  }
}

async function smuggle(drill: DrillContext, { device, mirror, container }: ProxyTargets): Promise<void> {
  const door: Place = { host: "127.0.0.1", port: device.record.port };
  const head = ["POST /first HTTP/1.1", `Host: ${new URL(mirror.origin).host}`, `Cookie: ${mirror.cookie}`];
  const second = lines("GET /smuggled HTTP/1.1", "Host: x");
  const refusals: Readonly<Record<string, string>> = {
    "a length and chunks": `${lines(...head, "Content-Length: 4", "Transfer-Encoding: chunked")}0\r\n\r\n${second}`,
    "chunks and a length": `${lines(...head, "Transfer-Encoding: chunked", "Content-Length: 4")}0\r\n\r\n${second}`,
    "two lengths": `${lines(...head, "Content-Length: 0", `Content-Length: ${second.length}`)}${second}`,
    "two lengths in one": `${lines(...head, `Content-Length: 0, ${second.length}`)}${second}`,
    "a length with a sign": `${lines(...head, "Content-Length: +4")}body${second}`,
    "a length that is none": `${lines(...head, "Content-Length: 4x")}body${second}`,
    "a space before the colon": `${lines(...head, "Transfer-Encoding : chunked")}0\r\n\r\n${second}`,
    "an encoding nobody knows": `${lines(...head, "Transfer-Encoding: xchunked")}0\r\n\r\n${second}`,
    "an encoding behind chunks": `${lines(...head, "Transfer-Encoding: chunked, identity")}0\r\n\r\n${second}`,
    "a folded line": `${lines(...head, "Transfer-Encoding:\r\n chunked")}0\r\n\r\n${second}`,
    "a header behind a lone line end": `${lines(...head, "X: y\nTransfer-Encoding: chunked")}0\r\n\r\n${second}`,
    "a chunk's length with a sign": `${lines(...head, "Transfer-Encoding: chunked")}+4\r\nbody\r\n0\r\n\r\n${second}`,
    "a length that the connection takes along": `${lines(...head, "Connection: content-length", `Content-Length: ${second.length}`)}${second}`,
    "chunks that the connection takes along": `${lines(...head, "Connection: transfer-encoding", "Transfer-Encoding: chunked")}${second.length.toString(16)}\r\n${second}\r\n0\r\n\r\n`,
    "a nul in a header": `${lines(...head, "X: a\0b", "Content-Length: 0")}${second}`,
  };
  for (const [what, bytes] of Object.entries(refusals)) {
    drill.fault(`smuggling by ${what}`);
    const direct = await exchange(container, bytes);
    drill.check(`${what}: an app that is visited directly gets the second request`, direct.includes("GET /smuggled"));
    const answer = await exchange(door, bytes);
    // Refused, or read in the one way in which the second request is the visitor's own and has no session.
    const answers = answer.split(/(?=HTTP\/1\.1 \d{3})/).map(statusOf);
    drill.check(
      `${what}: nothing of the second request reaches the app (${answers.join(", ")})`,
      !/GET \/smuggled/.test(answer),
    );
  }
}

async function rebind(
  drill: DrillContext,
  { device, session, mirror, hostile, container }: ProxyTargets,
): Promise<void> {
  const { port } = device.record;
  const door: Place = { host: "127.0.0.1", port };
  const portal = new URL(device.origin).host;
  const asking = (target: string, ...hosts: readonly string[]): string =>
    lines(
      `GET ${target} HTTP/1.1`,
      ...hosts.map((host) => `Host: ${host}`),
      `Cookie: ${mirror.cookie}`,
      "Connection: close",
    );
  const ask = async (target: string, ...hosts: readonly string[]): Promise<string> =>
    exchange(door, asking(target, ...hosts));
  /** An app that is reached past the device answers to every name: without the device's rule there is none. */
  const answersDirectly = async (target: string, ...hosts: readonly string[]): Promise<void> =>
    drill.equal(
      "an app that is visited directly answers",
      statusOf(await exchange(container, asking(target, ...hosts))),
      200,
    );
  drill.equal("the portal answers to its own name", statusOf(await ask("/api/v1/status", portal)), 200);
  for (const hosts of [
    ["evil.example"],
    [`evil.example:${port}`],
    [`127.0.0.1:${port}`],
    [`localhost:${port}`],
    [`${portal.split(":")[0] ?? ""}.evil.example:${port}`],
    [`mirror.localhost.evil.example:${port}`],
    [`mirror.localhost:${port + 1}`],
    [`x.mirror.localhost:${port}`],
    [`[::ffff:127.0.0.1]:${port}`],
    [portal, `mirror.localhost:${port}`],
    [`mirror.localhost:${port}`, portal],
    [],
  ]) {
    drill.fault(`it calls the device ${hosts.join(" and ") || "by no name"}`);
    const answer = await ask("/api/v1/status", ...hosts);
    drill.check(`${hosts.join(" and ")} is not answered (${statusOf(answer)})`, [400, 421].includes(statusOf(answer)));
    await answersDirectly("/api/v1/status", ...hosts);
  }
  drill.fault("an address with another name in its first line");
  const whole = await ask(`http://${portal}/api/v1/status`, `mirror.localhost:${port}`);
  drill.check(`it is not answered (${statusOf(whole)})`, statusOf(whole) === 400);
  await answersDirectly(`http://${portal}/api/v1/status`, `mirror.localhost:${port}`);
  drill.fault("an app's page calls the portal's interface");
  const crossed = await exchange(
    door,
    lines(
      "POST /api/v1/apps/mirror/start HTTP/1.1",
      `Host: ${portal}`,
      `Origin: ${mirror.origin}`,
      `Cookie: ${mirror.cookie}`,
      "Content-Length: 0",
      "Connection: close",
    ),
  );
  drill.check(`it is refused (${statusOf(crossed)})`, [401, 403].includes(statusOf(crossed)));
  const start = (headers: Readonly<Record<string, string>>): Promise<unknown> =>
    session.raw("POST", "/apps/mirror/start", { headers });
  drill.fault("it does so in a browser that has the owner's session");
  await drill.refused("it is refused for where it comes from", "csrf", () => start({ origin: mirror.origin }));
  await drill.refused("it is refused without the portal's token", "csrf", () => start({ "x-piccolo-csrf": "mallory" }));
  drill.equal("the portal itself may", await start({}).then(() => "done"), "done");
  drill.fault("one app's cookie is shown at another app");
  const shows = (cookie: string): Promise<string> =>
    exchange(
      door,
      lines("GET /closed HTTP/1.1", `Host: hostile.localhost:${port}`, `Cookie: ${cookie}`, "Connection: close"),
    );
  drill.equal("it lets nobody in", statusOf(await shows(mirror.cookie)), 401);
  drill.equal("the other app's own does", statusOf(await shows(hostile.cookie)), 200);
}

async function trickPaths(
  drill: DrillContext,
  { device, naive, naiveContainer: container }: ProxyTargets,
): Promise<void> {
  const door: Place = { host: "127.0.0.1", port: device.record.port };
  const asking = (path: string): string =>
    lines(`GET ${path} HTTP/1.1`, `Host: ${new URL(naive.origin).host}`, "Connection: close");
  const ask = (path: string): Promise<string> => exchange(door, asking(path));
  drill.check("the page for everybody is shown to everybody", /open to all/.test(await ask("/open/page")));
  drill.equal("the owner sees the other one", (await naive.text("/closed")).text, "for the owner");
  for (const path of [
    "/closed",
    "/open/../closed",
    "/open/./../closed",
    "/open/%2e%2e/closed",
    "/open/%2E%2e%2fclosed",
    "/open/..%2fclosed",
    "/open/.%2e/closed",
    "/open/..\\closed",
    "/open/..%5cclosed",
    "/open\\..\\closed",
    "/open//../closed",
    "/open/;/../closed",
    "/open/..;/closed",
    "/open/.;/../closed",
    "/open/;x=1/..;y/closed",
    "/open/..%3b/closed",
    "/open/%252e%252e/closed",
    "/open/..%252fclosed",
    "/open/..%255cclosed",
    "//open/../closed",
    "/open/page/../../closed?/open/page",
    "/open/\u00ae/../../closed",
  ]) {
    drill.fault(`a stranger asks for ${path}`);
    const answer = await ask(path);
    const status = statusOf(answer);
    const shows = (text: string): boolean => /for the owner/.test(text);
    drill.check(`${path} shows nothing (${status})`, !shows(answer) && [400, 401].includes(status));
    drill.check(`${path} shows it where the app is visited directly`, shows(await exchange(container, asking(path))));
  }
}

/** What an app's answers set in a visitor's browser. */
async function setCookies(
  drill: DrillContext,
  { device, naive, naiveContainer: container }: ProxyTargets,
): Promise<void> {
  const door: Place = { host: "127.0.0.1", port: device.record.port };
  const cookiesAt = async (place: Place, cookie: readonly string[]): Promise<readonly string[]> => {
    const host = `Host: ${new URL(naive.origin).host}`;
    const answer = await exchange(place, lines(`GET ${cookiesPath} HTTP/1.1`, host, ...cookie, "Connection: close"));
    drill.equal("the app answers", statusOf(answer), 200);
    return [...answer.matchAll(/^set-cookie:[ ]?(.*)\r$/gim)].map(([, value = ""]) => value);
  };
  for (const cookie of foreignCookies) drill.fault(`an app sets ${cookie.trim()}`);
  drill.equal("an app that is visited directly sets all of them", await cookiesAt(container, []), [
    ...foreignCookies,
    ownCookie,
  ]);
  drill.equal("a stranger's browser gets the app's own alone", await cookiesAt(door, []), [ownCookie]);
  drill.equal("and so does the owner's", await cookiesAt(door, [`Cookie: ${naive.cookie}`]), [ownCookie]);
}
