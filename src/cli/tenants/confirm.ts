import { createInterface } from 'node:readline/promises';
import { UsageError } from '../usage-error.ts';

/** Asks for a confirmation on the terminal. @throws UsageError without a terminal, unless `yes` is set */
export async function confirmed(question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal for the confirmation; use --yes.`);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
  } finally {
    prompt.close();
  }
}
