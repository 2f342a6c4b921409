/**
 * A container without the rules that hold an app: the host's processes, users, network and rights. What an app is refused
 * must be possible in there, else the attempt shows nothing.
 */
import { runningContainer, tellPodman } from "../app-traces.ts";

const name = "escape-control";

export class PrivilegedContainer {
  readonly #id: string;

  private constructor(id: string) {
    this.#id = id;
  }

  /** Of the same image as the container of that name. */
  static async like(container: string): Promise<PrivilegedContainer> {
    const made = await tellPodman("POST", "/containers/create", {
      name,
      image: (await runningContainer(container)).image,
      command: ["/bin/sleep", "100000"],
      privileged: true,
      userns: { nsmode: "host" },
      pidns: { nsmode: "host" },
      netns: { nsmode: "host" },
      cgroupns: { nsmode: "host" },
      mounts: [{ type: "bind", source: "/run/piccolo", destination: "/run/piccolo", options: ["bind", "private"] }],
    });
    const { Id: id } = JSON.parse(made) as { readonly Id: string };
    await tellPodman("POST", `/containers/${id}/start`);
    return new PrivilegedContainer(id);
  }

  /** Whether the script ends well. */
  async can(script: string): Promise<boolean> {
    const made = await tellPodman("POST", `/containers/${this.#id}/exec`, {
      Cmd: ["/bin/sh", "-c", `(\n${script}\n) >/dev/null 2>&1; echo "exit $?"`],
      AttachStdout: true,
      Privileged: true,
    });
    const { Id: exec } = JSON.parse(made) as { readonly Id: string };
    const output = await tellPodman("POST", `/exec/${exec}/start`, { Detach: false });
    return output.includes("exit 0");
  }

  async remove(): Promise<void> {
    await tellPodman("DELETE", `/containers/${this.#id}?force=true&timeout=0`);
  }
}
