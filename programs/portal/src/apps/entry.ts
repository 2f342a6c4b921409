/** `?open=APP&path=PATH` in the portal's address: where an app's page sent a person to sign in. */
export function entryAddress(search: string): string | undefined {
  const query = new URLSearchParams(search);
  const app = query.get("open");
  if (app === null || !/^[a-z0-9-]{1,32}$/.test(app)) return undefined;
  const path = query.get("path") ?? "/";
  // Only a path of that app: the device checks it again.
  const own = /^\/(?![/\\])/.test(path) ? path : "/";
  return `/api/v1/apps/${app}/enter?${new URLSearchParams({ path: own }).toString()}`;
}
