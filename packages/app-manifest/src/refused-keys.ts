/** Keys of Compose outside the subset, each with the reason and what to do instead. */
import type { Refusal } from "./shape.ts";

const outside = (reason: string, advice: string): Refusal => ({ code: "key-outside-subset", reason, advice });

const hostNamespace = (what: string): Refusal => ({
  code: "host-namespace",
  reason: `It would let the service share the device's ${what}.`,
  advice: "Leave it out; an app that needs it cannot run on this device.",
});

const device: Refusal = {
  code: "device-refused",
  reason: "It would give the service devices of the machine.",
  advice: "Leave it out; an app that needs it cannot run on this device.",
};

const oneNetwork = outside(
  "Every app has one network of its own, which the device makes.",
  "Leave it out; services reach each other by their names.",
);

const limits = outside("Limits are set by other keys here.", "Use mem_limit, cpus, pids_limit and shm_size.");

const notBuilt: Refusal = {
  code: "image-built",
  reason: "The device runs images and builds none.",
  advice: "Publish the image and name it by its digest.",
};

const keptElsewhere = outside("The device decides this for all apps alike.", "Leave it out.");

export const refusedServiceKeys: Readonly<Record<string, Refusal>> = {
  annotations: keptElsewhere,
  attach: keptElsewhere,
  blkio_config: limits,
  build: notBuilt,
  cgroup: hostNamespace("control groups"),
  cgroup_parent: hostNamespace("control groups"),
  configs: outside("Configs are not kept.", "Put settings into environment, or into the image."),
  container_name: outside("The device names containers itself.", "Leave it out; the service's name is its host name."),
  cpu_count: limits,
  cpu_percent: limits,
  cpu_period: limits,
  cpu_quota: limits,
  cpu_rt_period: limits,
  cpu_rt_runtime: limits,
  cpu_shares: limits,
  cpuset: limits,
  credential_spec: keptElsewhere,
  deploy: limits,
  develop: notBuilt,
  device_cgroup_rules: device,
  devices: device,
  dns: oneNetwork,
  dns_opt: oneNetwork,
  dns_search: oneNetwork,
  domainname: oneNetwork,
  env_file: outside("Files beside the manifest are not read.", "Write the variables into environment."),
  extends: outside("Files beside the manifest are not read.", "Write the service out in full."),
  external_links: oneNetwork,
  extra_hosts: oneNetwork,
  gpus: device,
  group_add: outside("Groups of the image are not extended.", "Use user with the numbers the image expects."),
  ipc: hostNamespace("memory"),
  isolation: keptElsewhere,
  labels: outside("Nothing reads labels here.", "Leave them out; name the web page under x-piccolo web."),
  label_file: outside("Nothing reads labels here.", "Leave them out."),
  links: oneNetwork,
  logging: keptElsewhere,
  mac_address: oneNetwork,
  mem_reservation: limits,
  mem_swappiness: limits,
  memswap_limit: limits,
  models: device,
  network_mode: hostNamespace("network"),
  networks: oneNetwork,
  oom_kill_disable: limits,
  oom_score_adj: limits,
  pid: hostNamespace("processes"),
  platform: outside("The architecture is chosen by the digest.", "List architectures under x-piccolo."),
  ports: {
    code: "host-port",
    reason: "No app takes a port of the device: two apps wanting one would collide.",
    advice: "Leave it out; name service and port of the web page under x-piccolo web.",
  },
  privileged: {
    code: "privileged",
    reason: "A privileged service owns the device and everybody's data on it.",
    advice: "Leave it out; an app that needs it cannot run on this device.",
  },
  post_start: keptElsewhere,
  pre_stop: keptElsewhere,
  profiles: outside("All services of an app run.", "Leave out the services that should not."),
  provider: keptElsewhere,
  pull_policy: keptElsewhere,
  runtime: keptElsewhere,
  scale: outside("Each service runs once.", "Leave it out."),
  stdin_open: outside("Nobody sits at a terminal of an app.", "Leave it out."),
  storage_opt: limits,
  sysctls: {
    code: "privileged",
    reason: "It would change settings of the kernel.",
    advice: "Leave it out; an app that needs it cannot run on this device.",
  },
  tty: outside("Nobody sits at a terminal of an app.", "Leave it out."),
  ulimits: limits,
  use_api_socket: {
    code: "container-socket",
    reason: "Whoever holds the container socket owns the device.",
    advice: "Leave it out; an app that needs it cannot run on this device.",
  },
  userns_mode: hostNamespace("user numbers"),
  uts: hostNamespace("name"),
  volumes_from: outside("Volumes are named in each service.", "List the volume in both services."),
};

export const refusedTopKeys: Readonly<Record<string, Refusal>> = {
  configs: outside("Configs are not kept.", "Put settings into environment, or into the image."),
  include: outside("Files beside the manifest are not read.", "Write everything into one file."),
  models: device,
  networks: oneNetwork,
  secrets: outside("Secrets are generated on the device.", "Declare them under x-piccolo secrets."),
};
