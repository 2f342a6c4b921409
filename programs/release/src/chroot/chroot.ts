/**
 * A root file system of another Debian release to run programs in. Each run has mounts and processes of its own, which
 * the kernel takes away with it, so that nothing is left behind however it ends; what it writes to the root is thrown
 * away, what it writes to the shared folders stays.
 */
import { execute, type RunOptions } from "../process.ts";

const enter = `
set -eu
lower=$1 cwd=$2 count=$3
shift 3
mount -t tmpfs scratch "$lower/mnt"
mkdir "$lower/mnt/upper" "$lower/mnt/work" "$lower/mnt/root"
root=$lower/mnt/root
mount -t overlay -o "lowerdir=$lower,upperdir=$lower/mnt/upper,workdir=$lower/mnt/work" overlay "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
while [ "$count" -gt 0 ]; do
  mkdir -p "$root$1"
  mount --bind "$1" "$root$1"
  shift
  count=$((count - 1))
done
exec chroot "$root" /usr/bin/env -i -C "$cwd" "$@"
`;

const environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8", "TZ=UTC"];

export interface ChrootRun extends RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class Chroot {
  readonly root: string;
  /** Folders of the host that programs inside see under the same path. */
  readonly folders: readonly string[];

  constructor(root: string, folders: readonly string[]) {
    this.root = root;
    this.folders = folders;
  }

  /** The same root with more folders in it. */
  within(folders: readonly string[]): Chroot {
    return new Chroot(this.root, [...this.folders, ...folders]);
  }

  /** The command line of a program inside, for callers that supervise it themselves. */
  commandOf(program: string, args: readonly string[], options: ChrootRun = {}): [string, string[]] {
    const variables = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const cwd = options.cwd ?? "/";
    const binds = [String(this.folders.length), ...this.folders];
    const alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
    const inside = ["/bin/sh", "-c", enter, "enter", this.root, cwd, ...binds];
    // Whoever started it may be killed: then it goes, too.
    return [
      "setpriv",
      ["--pdeathsig", "KILL", "unshare", ...alone, ...inside, ...environment, ...variables, program, ...args],
    ];
  }

  async run(program: string, args: readonly string[], options: ChrootRun = {}): Promise<Buffer> {
    const { cwd: _inside, env: _variables, ...outside } = options;
    return execute(...this.commandOf(program, args, options), outside);
  }

  async text(program: string, args: readonly string[], options: ChrootRun = {}): Promise<string> {
    return (await this.run(program, args, options)).toString("utf8");
  }
}
