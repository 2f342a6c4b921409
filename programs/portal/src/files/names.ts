/** Names of files and folders: what is refused before asking the device, and how names are split. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === "") return "A name is needed.";
  if (name === "." || name === "..") return "This name has a special meaning. Choose another one.";
  if (name.includes("/")) return "A name cannot contain a slash (/).";
  if (/\p{Cc}/u.test(name)) return "A name cannot contain control characters.";
  if (new TextEncoder().encode(name).byteLength > 255) return "This name is too long.";
  return undefined;
}

/** Characters before the extension: what a rename selects. A leading dot starts no extension. */
export function stemLength(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? name.length : dot;
}

/** What two names of one folder differ in, by the device's rule: names with the same key are one name there. */
export const nameKey = (name: string): string => name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
