import { createServer } from "node:net";

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** The first free loopback port from `preferred` upwards that is not among `taken`, which it joins. */
export async function takePort(preferred: number, taken: Set<number>): Promise<number> {
  for (let port = preferred; port < 65_536; port++) {
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error(`no free port from ${preferred} upwards; stop what occupies them, then start again`);
}
