import { catalogue } from "@piccolo/fault";

export const databaseFaults = catalogue({
  "database-too-new": {
    retry: "never",
    meaning: "The device's data was written by a newer release; start that release again.",
  },
  "database-damaged": {
    retry: "never",
    meaning: "A database of the device cannot be opened; look at the device's disk.",
  },
});
