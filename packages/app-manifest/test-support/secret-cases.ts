/** Vectors of secrets and variables. */
import { changed, full, image, refused, small } from "./refusals.ts";
import { fullText } from "./texts.ts";
import type { Vector } from "./vector.ts";

/** A setting of a thousand characters, five hundred and some times: a short text until it is filled. */
function longWhenFilled(): Vector {
  const label = "label: Name of the mail account";
  const text = changed(fullText, `${label} }`, `${label}, length-max: 1000 }`);
  const [before = "", after = ""] = text.split("WORKERS: 2");
  const parts = [
    { text: `${before}WORKERS: `, times: 1 },
    { text: "${MAIL_NAME}", times: 525 },
    { text: after, times: 1 },
  ];
  return refused("a value that is too long once its variables are filled", { parts }, [
    ["too-large", "/services/web/environment/WORKERS"],
  ]);
}

export function secretCases(): Record<string, Vector> {
  const environment = (about: string, line: string, code = "literal-secret"): Vector => {
    const name = line.split(":")[0] ?? "";
    return small(about, image, `${image}    environment:\n      ${line}\n`, [
      code,
      `/services/web/environment/${name}`,
    ]);
  };
  const command = (about: string, words: string, code: string, at: number | undefined): Vector =>
    full(about, `    command: serve --listen "0.0.0.0 8080"\n`, `    command: ${words}\n`, [
      code,
      `/services/web/command${at === undefined ? "" : `/${at}`}`,
    ]);
  return {
    "literal-password": environment("a password for everyone", "POSTGRES_PASSWORD: moneyprinter"),
    "literal-key-base": environment("a key for everyone", "SECRET_KEY_BASE: 0123456789abcdef"),
    "literal-joined-name": environment("a password under a name in one word", "MYSQLPASSWORD: a1b2"),
    "literal-in-address": environment("a password in an address", "DATABASE_URL: postgres://user:pass@db/x"),
    "literal-with-fact": environment("a password beside a fact", 'ADMIN_PASSWORD: "${PICCOLO_LANGUAGE}123"'),
    "literal-by-default": full(
      "a password that is a setting's default",
      "      SMTP_PASSWORD: ${SMTP_PASSWORD}\n",
      "      SMTP_PASSWORD: ${MAIL_WORD}\n",
      ["literal-secret", "/services/web/environment/SMTP_PASSWORD"],
    ),
    "literal-beside-setting": full(
      "a password beside a setting without a default",
      "      SMTP_PASSWORD: ${SMTP_PASSWORD}\n",
      "      SMTP_PASSWORD: hunter2${MAIL_NAME}\n",
      ["literal-secret", "/services/web/environment/SMTP_PASSWORD"],
    ),
    "literal-default-in-address": full(
      "an address whose password is a setting's default",
      "      PUBLIC_URL: ${PICCOLO_APP_URL}\n",
      "      PUBLIC_URL: smtp://shelf:${MAIL_WORD}@mail.example\n",
      ["literal-secret", "/services/web/environment/PUBLIC_URL"],
    ),
    "literal-default-as-argument": command(
      "an argument whose password is a setting's default",
      "[serve, --admin-password, '${MAIL_WORD}']",
      "literal-secret",
      1,
    ),
    "literal-in-check": full(
      "a password in a health check",
      "      test: pg_isready -U $$POSTGRES_USER\n",
      "      test: [CMD, redis-cli, --password, hunter2, ping]\n",
      ["literal-secret", "/services/db/healthcheck/test/0"],
    ),
    "literal-in-shell-check": full(
      "a password set in the shell of a health check",
      "      test: pg_isready -U $$POSTGRES_USER\n",
      "      test: PGPASSWORD=hunter2 psql -c 'select 1'\n",
      ["literal-secret", "/services/db/healthcheck/test"],
    ),
    "literal-argument": command(
      "a password as an argument",
      "[redis-server, --requirepass, hunter2]",
      "literal-secret",
      1,
    ),
    "literal-argument-joined": command(
      "a password as an argument with =",
      "[serve, --admin-password=hunter2]",
      "literal-secret",
      1,
    ),
    "secret-argument": command(
      "a generated secret as an argument",
      "[serve, '--password=${DB_PASSWORD}']",
      "secret-in-arguments",
      1,
    ),
    "secret-unknown": full(
      "a file of a secret nobody declared",
      "    secrets: [DB_PASSWORD]\n    depends_on",
      "    secrets: [DB_PASSWORD, OTHER]\n    depends_on",
      ["secret-unknown", "/services/web/secrets/1"],
    ),
    "secret-unused": full(
      "a secret nobody uses",
      "    DB_PASSWORD: { length: 40, alphabet: hex }",
      "    DB_PASSWORD: { length: 40, alphabet: hex }\n    OTHER:",
      ["secret-unused", "/x-piccolo/secrets/OTHER"],
    ),
    "secret-short": full("a secret that can be guessed", "length: 40", "length: 8", [
      "out-of-bounds",
      "/x-piccolo/secrets/DB_PASSWORD/length",
    ]),
    "variable-unknown": environment("a variable nobody declared", "HOME_PAGE: ${UNDECLARED}", "variable-unknown"),
    "variable-default": environment("a variable with a default", "HOME_PAGE: ${PICCOLO_APP_URL:-x}", "variable-form"),
    "variable-dollar": environment("a lone dollar sign", "PRICE: 5 $", "variable-form"),
    "variable-in-variable": full(
      "a brace that does not end before the next variable, which is read for itself",
      "      WORKERS: 2\n",
      "      WORKERS: ${PICCOLO_APP_URL:-${UNDECLARED}}\n",
      ["variable-form", "/services/web/environment/WORKERS"],
      ["variable-unknown", "/services/web/environment/WORKERS"],
    ),
    "variable-filled-too-long": longWhenFilled(),
    "variable-not-ended": environment("a brace that does not end", "A: '${PICCOLO_APP_URL'", "variable-form"),
    "variable-in-check": full("a variable in a health check", "$$POSTGRES_USER", "$POSTGRES_USER", [
      "variable-here",
      "/services/db/healthcheck/test",
    ]),
    "variable-without-value": environment("a variable of the device", "HOME:", "missing-key"),
  };
}
