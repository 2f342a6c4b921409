/** Variables of a foreign definition: `$NAME`, `${NAME}`, `${NAME-fallback}`, `${NAME:-fallback}`, and `$$`. */

const form = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))/g;
const bareForm = /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*))/g;

/** `fill` is given what is written, its name (undefined for `$$`) and its fallback, and says what stands there instead. */
export function replaceVariables(
  text: string,
  fill: (written: string, name: string | undefined, fallback: string | undefined) => string,
): string {
  // Behind the last brace none ends any more: there every fallback would be looked for through the whole rest.
  const end = text.lastIndexOf("}") + 1;
  const before = text
    .slice(0, end)
    .replaceAll(form, (written, braced: string | undefined, fallback: string | undefined, bare: string | undefined) =>
      fill(written, braced ?? bare, fallback),
    );
  return before + text.slice(end).replaceAll(bareForm, (written, bare?: string) => fill(written, bare, undefined));
}
