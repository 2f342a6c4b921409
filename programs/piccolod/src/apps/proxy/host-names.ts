/**
 * One host name for each app. In development `<app>.localhost` with the device's port; on the local network
 * `<app>-<device>.local`, because names of more than two parts do not resolve there. Pure.
 */
export interface HostNames {
  /** Whether an app may have the name: not one of the device's own, and short enough to be part of a host's. */
  mayHave(app: string): boolean;
  /** Host name without port. */
  hostOf(app: string): string;
  /** The app of a Host header's name (lower case, without port); undefined where it names none. */
  appOf(host: string): string | undefined;
}

const label = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
/** RFC 1035, section 2.3.4. */
const labelLengthMax = 63;

export interface DeviceNames {
  /** Of the portal, as it is configured. */
  readonly hostName: string;
  /** Unlike any other on the local network, which `hostName` need not be. */
  readonly deviceName: string;
  readonly isSecure: boolean;
}

export function hostNames({ hostName, deviceName, isSecure }: DeviceNames): HostNames {
  const portalHost = isSecure ? `${deviceName}.local` : hostName;
  const [first = "", ...rest] = portalHost.split(".");
  const domain = rest.join(".");
  const suffix = domain === "localhost" ? ".localhost" : `-${first}.${domain}`;
  const reserved = new Set([first, hostName.split(".")[0] ?? "", "localhost", "piccolo", "central", "www"]);
  const hostOf = (app: string): string => `${app}${suffix}`;
  return {
    mayHave: (app) => !reserved.has(app) && (hostOf(app).split(".")[0] ?? "").length <= labelLengthMax,
    hostOf,
    appOf: (host) => {
      if (host === hostName || !host.endsWith(suffix)) return undefined;
      const app = host.slice(0, -suffix.length);
      return label.test(app) ? app : undefined;
    },
  };
}
