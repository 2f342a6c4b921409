/** A container's specification in the words of libpod's interface. Who changes them raises `makingVersion` of `specs.ts`. */
import { constants } from "node:os";
import type { ContainerMount, ContainerSpec, NetworkSpec } from "../../apps/runtime/container-spec.ts";

const cpuPeriodUs = 100_000;

export function createBody(spec: ContainerSpec, imageId: string, cgroupParent: string | undefined): unknown {
  const map = [{ container_id: 0, host_id: spec.ids.start, size: spec.ids.size }];
  return {
    name: spec.name,
    image: imageId,
    labels: spec.labels,
    hostname: spec.hostName,
    ...(spec.entrypoint === undefined ? {} : { entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { command: spec.command }),
    env: spec.environment,
    ...(spec.user === undefined ? {} : { user: `${spec.user.uid}:${spec.user.gid}` }),
    ...(spec.workingFolder === undefined ? {} : { work_dir: spec.workingFolder }),
    // Without the maps a private user namespace is quietly the host's; the start looks that it is not.
    userns: { nsmode: "private" },
    idmappings: { HostUIDMapping: false, HostGIDMapping: false, UIDMap: map, GIDMap: map },
    cap_drop: ["all"],
    cap_add: spec.capabilities.map((name) => `CAP_${name}`),
    no_new_privileges: true,
    read_only_filesystem: spec.readOnlyRoot,
    // What an image declares as a volume and the manifest does not name is lost with the container.
    image_volume_mode: "tmpfs",
    mounts: spec.mounts.map(mountOf),
    ...(spec.networks.length === 0
      ? { netns: { nsmode: "none" } }
      : {
          netns: { nsmode: "bridge" },
          Networks: Object.fromEntries(
            spec.networks.map(({ network, address }, at) => [
              network,
              { static_ips: [address], static_mac: macOf(address), interface_name: `eth${at}` },
            ]),
          ),
        }),
    // What Podman would lay out itself is writable, in the memory of the system: `container-files.ts` takes its place.
    use_image_hosts: true,
    use_image_resolve_conf: true,
    resource_limits: {
      // Equal limits for memory alone and memory with swap: no swap.
      memory: { limit: spec.memoryBytes, swap: spec.memoryBytes },
      cpu: { quota: Math.max(1_000, Math.round((spec.milliCpus * cpuPeriodUs) / 1_000)), period: cpuPeriodUs },
      pids: { limit: spec.processesMax },
    },
    shm_size: spec.sharedMemoryBytes,
    init: spec.init,
    // Podman would restart a container with ids of its own from within another mount namespace, where the network it
    // makes is out of its own sight afterwards: it could not be taken away again (docs/adr/0012-one-restarter.md).
    restart_policy: "no",
    stop_signal: constants.signals[spec.stopSignal],
    stop_timeout: Math.ceil(spec.stopGraceMs / 1_000),
    log_configuration: { driver: "k8s-file", size: spec.logBytesMax },
    // Whether an app works is found out by piccolod alone.
    healthconfig: { Test: ["NONE"] },
    ...(cgroupParent === undefined ? {} : { cgroup_parent: cgroupParent }),
  };
}

/**
 * A hardware address that goes with the network address, locally administered (IEEE 802, 02-…). An address is taken again by a
 * later container, and with another hardware address everybody who has spoken with the one before would for up to a minute
 * send to where nobody is (RFC 826 has no end of a translation).
 */
function macOf(address: string): string {
  const bytes = [2, 0x50, ...address.split(".").map(Number)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function mountOf(mount: ContainerMount): unknown {
  if (mount.kind === "bind") {
    return {
      type: "bind",
      source: mount.source,
      destination: mount.target,
      options: ["bind", "private", mount.readOnly ? "ro" : "rw", "nosuid", "nodev"],
    };
  }
  return {
    type: "tmpfs",
    destination: mount.target,
    options: ["rw", `size=${mount.sizeBytes}`, `mode=${mount.mode.toString(8)}`, "nosuid", "nodev", "notmpcopyup"],
  };
}

export function networkBody(spec: NetworkSpec): unknown {
  return {
    name: spec.name,
    driver: "bridge",
    network_interface: spec.bridge,
    subnets: [{ subnet: spec.subnet, gateway: spec.gateway }],
    internal: spec.internal,
    ipv6_enabled: false,
    dns_enabled: spec.nameService,
    options: { isolate: "true" },
    ipam_options: { driver: "host-local" },
  };
}
