/** What of a request's head an app gets to see, and what of its answer a browser. Pure. */

export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** Of one connection, not of the message (RFC 9110, section 7.6.1). */
const ofConnection = new Set([
  "connection",
  "keep-alive",
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

/** Cookies that are the device's own: an app neither gets nor sets them. */
function isOwnCookie(name: string): boolean {
  return /^(?:__host-|__secure-)?piccolo[_-]/i.test(name.trim());
}

export function pairs(raw: readonly string[]): RawHeaders {
  return Array.from({ length: raw.length / 2 }, (_, at): readonly [string, string] => [
    raw[at * 2] ?? "",
    raw[at * 2 + 1] ?? "",
  ]);
}

function namedByConnection(headers: RawHeaders): ReadonlySet<string> {
  return new Set(
    headers
      .filter(([name]) => name.toLowerCase() === "connection")
      .flatMap(([, value]) => value.split(","))
      .map((name) => name.trim().toLowerCase()),
  );
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

/** The head of a visit as the app gets it; a flat list of names and values. */
export function requestHeaders(headers: RawHeaders, visit: Visit, upgrade: string | undefined): string[] {
  const dropped = namedByConnection(headers);
  const kept = headers.flatMap(([name, value]): [string, string][] => {
    const lower = name.toLowerCase();
    if (ofConnection.has(lower) || dropped.has(lower) || lower === "host" || isIdentityHeader(name)) return [];
    if (lower !== "cookie") return [[name, value]];
    const cookies = value.split(";").filter((cookie) => !isOwnCookie(cookie.split("=")[0] ?? ""));
    return cookies.length === 0 ? [] : [[name, cookies.join(";").trim()]];
  });
  const own: [string, string][] = [
    ["Host", visit.host],
    ["X-Forwarded-For", visit.remote],
    ["X-Forwarded-Proto", visit.scheme],
    ["X-Forwarded-Host", visit.host],
    ...(visit.owner === undefined ? [] : [["X-Piccolo-User", visit.owner] as [string, string]]),
    ...(upgrade === undefined
      ? []
      : ([
          ["Connection", "Upgrade"],
          ["Upgrade", upgrade],
        ] as [string, string][])),
  ];
  return [...own, ...kept].flat();
}

/** Of the answer; hides what would reach beyond the app's own host. */
export function replyHeaders(headers: RawHeaders, upgrade?: string): string[] {
  const dropped = namedByConnection(headers);
  const kept = headers.filter(([name, value]) => {
    const lower = name.toLowerCase();
    if (ofConnection.has(lower) || dropped.has(lower)) return false;
    // Whether a name is only spoken over TLS is the device's to say, not an app's.
    if (lower === "strict-transport-security" || lower === "alt-svc" || isOwnHeader(name)) return false;
    return lower !== "set-cookie" || isHarmlessCookie(value);
  });
  const own = upgrade === undefined ? [] : ["Connection", "Upgrade", "Upgrade", upgrade];
  return [...own, ...kept.flat()];
}

const isOwnHeader = (name: string): boolean => plain(name).startsWith("xpiccolo");

/** With a Domain it would be sent to other hosts; with the device's names it would replace its own. */
function isHarmlessCookie(value: string): boolean {
  const [first = "", ...attributes] = value.split(";");
  if (isOwnCookie(first.split("=")[0] ?? "")) return false;
  return !attributes.some((attribute) => (attribute.split("=")[0] ?? "").trim().toLowerCase() === "domain");
}

/**
 * Whether everybody may visit the path: exact, or below one that ends with a star. A path that could be read in two
 * ways is nobody's.
 */
export function isPublicPath(target: string, granted: readonly string[]): boolean {
  const [path = ""] = target.split(/[?#]/, 1);
  if (!/^\/[\w~!$&'()*+,=:@./-]*$/.test(path) || /\/\/|(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) return false;
  return granted.some((pattern) =>
    pattern.endsWith("/*") ? path === pattern.slice(0, -2) || path.startsWith(pattern.slice(0, -1)) : path === pattern,
  );
}
