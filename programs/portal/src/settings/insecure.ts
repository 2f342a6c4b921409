/** What a device was told to do without, in words. Names this version does not know are shown as they are. */
const known: Readonly<Record<string, string>> = {
  drills: "It is set up for drills, which may break things on purpose.",
  "boot-not-measured":
    "Its boot is not measured as the Piccolo-OS image's is: whoever gets at the device can start a changed system, and the security chip opens its disk for that, too. Keep nothing on it that must stay secret.",
  "no-tpm": "Its keys are not protected by a security chip.",
  "no-volume": "Its disk is not encrypted.",
  "cheap-slots": "Passwords on it are easier to guess than they should be.",
  registry: "It fetches apps from a registry on this machine without encryption.",
  "plain-http": "The connection from your browser to it is not encrypted.",
};

export function insecureInWords(name: string): string {
  return known[name] ?? `It is told to do without: ${name.replaceAll("-", " ")}.`;
}
