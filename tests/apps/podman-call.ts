/** What Podman is told beside the adapter: by its own interface, to see or to make what the adapter never would. */
import { request } from "node:http";

/** Over the socket of its service. Throws what it refuses. */
export function callPodman(
  socketPath: string,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const call = request({ socketPath, method, path: `/v4.3.1/libpod${path}`, headers }, (reply) => {
      let answer = "";
      reply.setEncoding("utf8");
      reply.on("data", (part: string) => (answer += part));
      reply.on("end", () => {
        if ((reply.statusCode ?? 0) < 400) resolve(answer);
        else reject(new Error(`${method} ${path} was answered with ${reply.statusCode} ${answer}`));
      });
    });
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Id of the first process of a container, as the machine sees it. */
export async function pidOf(socketPath: string, container: string): Promise<number> {
  const answer = await callPodman(socketPath, "GET", `/containers/${container}/json`);
  return (JSON.parse(answer) as { readonly State: { readonly Pid: number } }).State.Pid;
}
