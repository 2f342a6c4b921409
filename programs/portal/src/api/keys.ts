/** Names of what is cached, so that events can say what is stale. */
export const keys = {
  status: ["status"],
  session: ["session"],
  security: ["security"],
  boot: ["boot"],
  sheet: ["recovery-sheet"],
  network: ["network"],
  invitations: ["invitations"],
  listings: ["listing"],
  listing: (folder: string) => ["listing", folder],
  searches: ["search"],
  trash: ["trash"],
  nodes: ["node"],
  node: (id: string) => ["node", id],
  versions: ["versions"],
  placements: ["placement"],
  placement: (id: string) => ["placement", id],
  uploads: ["uploads"],
  tasks: ["tasks"],
  task: (id: string) => ["task", id],
  apps: ["apps"],
  app: (id: string) => ["app", id],
  catalog: ["catalog"],
  appTrash: ["app-trash"],
  appBackups: ["app-backups"],
} as const;

export type CacheKey = readonly string[];
