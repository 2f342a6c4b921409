import { catalogue } from "@piccolo/fault";

export const resetFaults = catalogue({
  "not-the-device-name": {
    retry: "never",
    meaning: "A reset removes everything and asks for the device's name as its confirmation; enter just that name.",
  },
});

/** Throws `not-the-device-name`. */
export function checkDeviceName(confirmation: string, deviceName: string): void {
  if (confirmation.trim() === deviceName) return;
  throw resetFaults.fault("not-the-device-name", `enter the device's name, ${deviceName}, to remove everything on it`);
}
