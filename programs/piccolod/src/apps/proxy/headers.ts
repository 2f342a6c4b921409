/**
 * What of a request's head an app gets to see, and what of its answer a browser. Pure. Heads are flat lists of names and
 * values, as Node gives them: every visit passes here, and lists of pairs cost more than the rest of a visit.
 */

/** Of one connection, not of the message (RFC 9110, section 7.6.1). `expect` is answered, and asked, hop by hop. */
const ofConnection = new Set([
  "connection",
  "expect",
  "keep-alive",
  // CGI's name for it is the one from which programs read the proxy of their own requests.
  "proxy",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Headers by which proxies tell apps who is asking and from where. Servers take `-` and `_` for the same, some other
 * signs too, so that names are compared without any. What apps' own pages send, such as Authorization, is none of them.
 */
const identity = new RegExp(
  [
    "x(?:forwarded|remote|authentik|authelia|authenticated|webauth|piccolo|envoy|sendfile|accel|tailscale|googauth|amznoidc|msclient)",
    "x(?:realip|realname|clusterclientip|urlscheme|rewriteurl|httpmethodoverride|proxyuser|token(?:user|sub))",
    "x(?:user|username|userid|email|mail|groups?|roles?|name|account)$",
    "xauth(?:request|user|email|name|groups?|roles?|account)",
    "x?(?:original(?:uri|url|method|remote|host|for)|client(?:ip|cert|dn|verify|s?dn)|ssl|tls)",
    "x(?:vouch|pomerium|consumer|sso|useremail|usergroups|userroles)",
    "remote|forwarded|piccolo|trueclientip|cfconnectingip|cfaccess|tailscale|via$|authuser|webauth|ssouser",
  ]
    .map((part) => `(?:${part})`)
    .join("|")
    .replace(/^/, "^(?:")
    .replace(/$/, ")"),
);

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

export function isIdentityHeader(name: string): boolean {
  return identity.test(plain(name));
}

/** What happens to a header by its name; `framing` stays with its body, and is none of a trailer. */
type Part = "kept" | "connection" | "hop" | "identity" | "host" | "cookie" | "set-cookie" | "own" | "framing";

const framing = new Set(["content-length", "content-encoding", "content-type", "content-range", "authorization"]);

const ofMessage = new Set([...framing, "host", "cookie", "transfer-encoding"]);

/** As a server that takes signs for each other reads them. */
const spelt = new Set([...ofConnection, ...ofMessage].map(plain));

function partOf(name: string): Part {
  const lower = name.toLowerCase();
  if (lower === "connection" || lower === "host" || lower === "cookie" || lower === "set-cookie") return lower;
  // In another spelling a length would frame the message for a server behind, and not for the device.
  if (ofConnection.has(lower) || (!ofMessage.has(lower) && spelt.has(plain(name)))) return "hop";
  if (isIdentityHeader(name)) return "identity";
  // Whether a name is only spoken over TLS, and where else it is spoken, is the device's to say, not an app's.
  if (lower === "strict-transport-security" || lower === "alt-svc") return "own";
  return framing.has(lower) ? "framing" : "kept";
}

const partsMax = 1_024;
const knownNameLengthMax = 64;
const known = new Map<string, Part>();

/** The same few names come with every visit. A visitor who makes up names pays for each of them, and nobody else does. */
function partFor(name: string): Part {
  const found = known.get(name);
  if (found !== undefined) return found;
  const part = partOf(name);
  if (known.size < partsMax && name.length <= knownNameLengthMax) known.set(name, part);
  return part;
}

/**
 * Cookies that are the device's own: an app neither gets nor sets them. What has no name counts by its value, since browsers
 * give it back without the sign before it.
 */
function isOwnCookie(cookie: string): boolean {
  return /^[\s=]*(?:__host-|__secure-)?piccolo[_-]/i.test(cookie);
}

/** A Cookie header without the device's own; empty where nothing is left. */
export function appCookies(value: string): string {
  return value
    .split(";")
    .filter((cookie) => !isOwnCookie(cookie))
    .join(";")
    .trim();
}

const nobody: ReadonlySet<string> = new Set();

/** Names that a Connection header's value takes along (RFC 9110, section 7.6.1), in small letters. */
function namesIn(connection: string): readonly string[] {
  // What nearly every visit has.
  if (connection === "keep-alive" || connection === "close") return [];
  return connection.split(",").map((name) => name.trim().toLowerCase());
}

/** What the Connection headers of a head take along. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  let named: Set<string> | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    if (partFor(raw[at] ?? "") !== "connection") continue;
    for (const name of namesIn(raw[at + 1] ?? "")) (named ??= new Set()).add(name);
  }
  return named ?? nobody;
}

/**
 * Whether a Connection header names what belongs to the message. A sender must not (RFC 9110, section 7.6.1), and taken at
 * its word it would leave a body without its length, which an app reads as another request.
 */
export function takesMessageAlong(connection: string | undefined): boolean {
  return connection !== undefined && namesIn(connection).some((name) => ofMessage.has(name));
}

export interface Visit {
  readonly app: string;
  /** `name:port` of the app. */
  readonly host: string;
  readonly scheme: "http" | "https";
  readonly remote: string;
  /** Undefined on a path that everybody may visit. */
  readonly owner: string | undefined;
}

/** A name the owner chose has to fit into a header; other letters go as UTF-8 in per cent signs. */
const headerText = (text: string): string =>
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) ? text : encodeURIComponent(text);

/** By which name, by which scheme and from where an app is asked; every request that reaches it says so. */
export const namingHeaders = ({
  host,
  remote,
  scheme,
}: Pick<Visit, "host" | "remote" | "scheme">): Readonly<Record<string, string>> => ({
  Host: host,
  "X-Forwarded-For": remote,
  "X-Forwarded-Proto": scheme,
  "X-Forwarded-Host": host,
});

/** The header lines of a visit as the app gets them, each with its end, without the empty one. */
export function requestLines(raw: readonly string[], visit: Visit, upgrade: string | undefined): string {
  const named = namedByConnection(raw);
  let lines = `Host: ${visit.host}\r\nX-Forwarded-For: ${visit.remote}\r\nX-Forwarded-Proto: ${visit.scheme}\r\nX-Forwarded-Host: ${visit.host}\r\n`;
  if (visit.owner !== undefined) lines += `X-Piccolo-User: ${headerText(visit.owner)}\r\n`;
  if (upgrade !== undefined) lines += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    const part = partFor(name);
    if (part === "cookie") {
      const cookies = appCookies(value);
      if (cookies !== "") lines += `${name}: ${cookies}\r\n`;
      continue;
    }
    if (part === "connection" || part === "hop" || part === "identity" || part === "host") continue;
    if (part !== "framing" && named.size > 0 && named.has(name.toLowerCase())) continue;
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** Of the answer; hides what would reach beyond the app's own host. */
export function replyHeaders(raw: readonly string[], upgrade?: string): string[] {
  const named = namedByConnection(raw);
  const kept: string[] = upgrade === undefined ? [] : ["Connection", "Upgrade", "Upgrade", upgrade];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    const part = partFor(name);
    if (part === "connection" || part === "hop" || part === "own") continue;
    if (part === "set-cookie" ? !isHarmlessCookie(value) : part === "identity" && isOwnHeader(name)) continue;
    if (part !== "framing" && named.size > 0 && named.has(name.toLowerCase())) continue;
    kept.push(name, value);
  }
  return kept;
}

/**
 * Fields after a body, in either direction. Servers may put them among the headers, so that nothing passes that says who
 * asks, how long something is, or what a cookie is.
 */
export function keptTrailers(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    if (partFor(name) === "kept") kept.push(name, raw[at + 1] ?? "");
  }
  return kept;
}

const isOwnHeader = (name: string): boolean => plain(name).startsWith("xpiccolo");

/** With a Domain it would be sent to other hosts; with the device's names it would replace its own. */
function isHarmlessCookie(value: string): boolean {
  const [first = "", ...attributes] = value.split(";");
  if (isOwnCookie(first)) return false;
  return !attributes.some((attribute) => (attribute.split("=")[0] ?? "").trim().toLowerCase() === "domain");
}

/**
 * Whether everybody may visit the path: exact, or below one that ends with a star. A path that could be read in two
 * ways is nobody's; `;` makes one, since some servers cut off what follows it before they look for dots.
 */
export function isPublicPath(target: string, granted: readonly string[]): boolean {
  const [path = ""] = target.split(/[?#]/, 1);
  if (!/^\/[\w~!$&'()*+,=:@./-]*$/.test(path) || /\/\/|(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) return false;
  return granted.some((pattern) =>
    pattern.endsWith("/*") ? path === pattern.slice(0, -2) || path.startsWith(pattern.slice(0, -1)) : path === pattern,
  );
}
