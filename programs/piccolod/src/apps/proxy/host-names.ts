/**
 * One host name for each app. In development `<app>.localhost` with the device's port; on the local network
 * `<app>-<device>.local`, because names of more than two parts do not resolve there. Pure.
 */
export interface HostNames {
  /** Names no app may have. */
  readonly reserved: ReadonlySet<string>;
  /** Host name without port. */
  hostOf(app: string): string;
  /** The app of a Host header's name (lower case, without port); undefined where it names none. */
  appOf(host: string): string | undefined;
}

const label = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

export function hostNames(portalHost: string): HostNames {
  const [first = "", ...rest] = portalHost.split(".");
  const domain = rest.join(".");
  const suffix = domain === "localhost" ? ".localhost" : `-${first}.${domain}`;
  return {
    reserved: new Set([first, "localhost", "piccolo", "central", "www"]),
    hostOf: (app) => `${app}${suffix}`,
    appOf: (host) => {
      if (host === portalHost || !host.endsWith(suffix)) return undefined;
      const app = host.slice(0, -suffix.length);
      return label.test(app) ? app : undefined;
    },
  };
}
