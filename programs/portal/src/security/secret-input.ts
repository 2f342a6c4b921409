/** For fields that hold words of a phrase: neither browser nor keyboard nor password manager should remember them. */
export const secretInput = {
  autoComplete: "off",
  autoCapitalize: "none",
  autoCorrect: "off",
  spellCheck: false,
  translate: "no",
  "data-1p-ignore": "true",
  "data-lpignore": "true",
  "data-bwignore": "true",
  "data-form-type": "other",
} as const;
