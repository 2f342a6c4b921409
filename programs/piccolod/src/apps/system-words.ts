/**
 * What Podman, `mount` and other programs of the system say where a step fails, as an owner may read and report it. They
 * may repeat what they were given, as arguments, environment and paths. So nothing is looked for to be taken out: only
 * words of a vocabulary are taken over, and one sign stands for whatever else is there. Pure.
 */

const readCharactersMax = 4_000;
export const systemWordsCharactersMax = 300;
const wordsMin = 2;
const leftOut = "…";

/** Of the C library's texts of errors, and of the programs' own; each as it is shown. */
const vocabulary = `
a aborted access accessible acquire adapter add adding address addresses again all allocate allocated allocating already an and another any
apparmor applying are argument arguments as assign at attach attaching attempted available bad be because been before blk block
bpf bridge broken buffer busy but by bytes cache call called can can't canceled cannot capabilities capability cgroup cgroups changed check
child chown cleaning cleanup clone close closed closing codepage command config configuration configure configuring connect connected
connection conmon container containers context controller controllers copy copying corrupt corrupted could couldn't cpu create created creating
cross-device crun cryptsetup damaged data database deadline defined delete deleting denied dependency dependent descriptor detach
determine device devices did directory disconnected disk dmesg do does doesn't done down drive driver dump dumped duplicate e2fsck empty end
endpoint ended entry environment error errors exceeded exceeds exec executable execute exist existing exists exit exited expected
expecting extend failed failure fallocate fatal fault file filename filesystem filesystems files firewall for format found free freeze
from fs fsck fsync full function generate get getting given gid handle has have header helper holder hook hooks host hostname i/o id identifier image
images immutable improper in inappropriate incomplete inconsistency information init initialization initialize initializing initialized inode
inodes input input/output inside inspecting insufficient interface internal interrupted into invalid invoke ioctl is isn't it its journal json kernel
key kill killed killing label large later layer layers left length level levels libpod limit limits line link links list load loading lock locked locking
locks long loop losetup lost luks magic main manually map mapper mapping match may medium memory message metadata missing mkfs mode module more mount mounted
mounting mounts much must name named names namespace namespaces needed needs netavark netlink network networks new newer nft nftables no
node non-zero not nothing notify null number numerical object of on one only open opened opening operation option options or other out output
over overlay owner parameter parent parse parsing path peer permission permissions permitted pid pids pinging pipe pivot_root point port possible
preparing previous privileges process processes profile program proper protocol provided quota range reached read read-only reading ready reason
refused release remote remount remove removed removing rename replace request requested require required reset resize resolve resource resources restart
result retry returned returning revoked root rootfs rule rules run runc running runtime same save saving seccomp second seconds seek
segmentation set setting settings setup shared shim should shut shutdown signal size snapshot socket some space special specified stale
start started starting state stat status still stop stopped stopping storage structure subnet such super-block superblock supported
symbolic sync syntax sysctl syscall system systemd table take taken target task temporarily terminated than that the there this thread time timed
timeout tmpfs to together too transient transport tried try trying tune2fs type uid umount unable unavailable unexpected unit unknown unlink unmount
unmounted unmounting unreachable unsupported until up update updating upper use used user using valid value variable veth version volume wait waiting
waitid was when where while will with within without working would write writing wrong xfs zero
EACCES EADDRINUSE EADDRNOTAVAIL EAGAIN EBADF EBUSY ECHILD ECONNREFUSED ECONNRESET EDQUOT EEXIST EFBIG EFAULT EINTR EINVAL EIO EISDIR ELOOP EMFILE
EMLINK ENAMETOOLONG ENFILE ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOMEM ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTSUP ENXIO EOVERFLOW EPERM EPIPE
ERANGE EROFS ESRCH ESTALE ETIMEDOUT ETXTBSY EUCLEAN EXDEV EOF IPAM OCI
`;

const shownAs: ReadonlyMap<string, string> = new Map(
  vocabulary
    .trim()
    .split(/\s+/)
    .map((word) => [word.toLowerCase(), word]),
);

/** A number says nothing of what was given to a program only where it is said of what. */
const counted: ReadonlySet<string> = new Set(["code", "errno", "error", "signal", "status"]);

/** What stands in quotes is somebody's; where the last ones are not closed, so is all that follows. */
const quoted = /"(?:[^"\\]|\\.?)*(?:"|$)|`[^`]*(?:`|$)|[“‘][^”’]*(?:[”’]|$)|(?<![\p{L}\p{N}])'[^']*(?:'|$)/gsu;

/**
 * `hidden`: values of the app's secrets and settings, of which no word is taken over either. Undefined where nothing
 * comes of it that would say something.
 */
export function systemWords(said: string, hidden: readonly string[] = []): string | undefined {
  const values = hidden.map((value) => value.toLowerCase()).filter((value) => value !== "");
  const hiddenWords = new Set(values.flatMap((value) => value.split(/[^\p{L}\p{N}]+/u)));
  const isHidden = (word: string): boolean => hiddenWords.has(word) || values.some((value) => word.includes(value));
  let [text, kept, isNumberOf] = ["", 0, false];
  for (const token of said.slice(0, readCharactersMax).replaceAll(quoted, ` ${leftOut} `).split(/\s+/)) {
    if (token === "") continue;
    const [, bare = "", end = ""] = /^\(?(.*?)\)?([:;,.]?)$/su.exec(token) ?? [];
    const word = bare.toLowerCase();
    const known = shownAs.get(word) ?? (isNumberOf && /^\d{1,3}$/.test(word) ? word : undefined);
    isNumberOf = counted.has(word);
    const part = known === undefined || isHidden(word) ? leftOut : `${known}${end}`;
    if (part === leftOut && text.endsWith(leftOut)) continue;
    if (text.length + part.length + 1 > systemWordsCharactersMax) break;
    if (part !== leftOut) kept += 1;
    text = text === "" ? part : `${text} ${part}`;
  }
  const lower = text.toLowerCase();
  return kept < wordsMin || values.some((value) => lower.includes(value)) ? undefined : text.replace(/[:;,]$/, "");
}
