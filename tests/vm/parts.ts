/** A machine's disks and its network card, as a virtual machine has them or as a PC does, in QEMU's words. */

/** `usb` is a stick in a socket, which its owner chose in the firmware's menu. */
export type Bus = "virtio" | "ahci" | "nvme" | "usb";

/** `e1000e` is on the boards of many PCs. */
export type Card = "virtio" | "e1000e";

/** QEMU's name of its made-up network where that is not the machine's only one. */
export const gatewayName = "gateway";

/** A disk, qcow2. What was written is on it at the machine's power cut, as far as the machine has flushed it. */
export function driveOf(name: string, file: string, bus: Bus): string[] {
  const drive = `format=qcow2,cache=unsafe,file=${file}`;
  if (bus === "virtio") return ["-drive", `if=virtio,${drive}`];
  const connected: Readonly<Record<Exclude<Bus, "virtio">, readonly string[]>> = {
    ahci: [`ide-hd,drive=${name}`],
    nvme: [`nvme,drive=${name},serial=${name}`],
    usb: [`qemu-xhci,id=${name}-socket`, `usb-storage,bus=${name}-socket.0,drive=${name},removable=on,bootindex=1`],
  };
  return ["-drive", `if=none,id=${name},${drive}`, ...connected[bus].flatMap((device) => ["-device", device])];
}

/** The network that QEMU makes up; with a socket, a hub on which others may be, too. */
export function networkOf(card: Card, forward: string, socket: string | undefined): string[] {
  // Without a program in its read-only memory, which the firmware would run, and measure.
  const device = ["-device", `${card === "virtio" ? "virtio-net-pci" : card},netdev=n,romfile=`];
  if (socket === undefined) return ["-netdev", `user,id=n,${forward}`, ...device];
  return [
    `user,id=${gatewayName},${forward}`,
    `stream,id=s,server=on,addr.type=unix,addr.path=${socket}`,
    `hubport,id=h0,hubid=0,netdev=${gatewayName}`,
    "hubport,id=h1,hubid=0,netdev=s",
    "hubport,id=n,hubid=0",
  ]
    .flatMap((part) => ["-netdev", part])
    .concat(device);
}
