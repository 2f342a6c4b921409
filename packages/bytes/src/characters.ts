/** Which characters of a text from outside may deceive whoever reads it. Neither expression keeps a state. */

/**
 * Embeddings, overrides and isolates: they let a text read differently from what it is, and the text after it, too. Marks
 * and joiners (U+200C to U+200F), which languages and pictures need within words, reach no further than their neighbours.
 */
export const directionControls = /[\u202a-\u202e\u2066-\u2069]/u;

/** Something to see; a text without it looks like none. */
export const visibleCharacter = /[^\p{Z}\p{Cf}\p{Cc}]/u;

/** U+2028 and U+2029, which are line ends beside those among the control characters. */
export const lineSeparators = /[\p{Zl}\p{Zp}]/u;
