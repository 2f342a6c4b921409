import { misspeltWords } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { problemOf } from "../http/problem.ts";

/**
 * Answers a misspelt phrase with suggestions. They say something of a secret, so they go to whoever typed it and into no
 * fault, which could reach a log.
 */
export async function answerPhraseFaults<T extends Response>(text: string, answer: () => T | Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    if (!isFault(error, "phrase-misspelt")) throw error;
    const { problem, headers } = problemOf(error);
    const details = { ...problem.details, words: misspeltWords(text) };
    // The contract's type knows the successes only; every refusal is a problem.
    return new Response(JSON.stringify({ ...problem, details }), { status: problem.status, headers }) as T;
  }
}
