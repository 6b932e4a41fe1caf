import { createInterface } from 'node:readline/promises';
import { UsageError } from '../usage-error.ts';

/** Asks whoever sits at the terminal. @throws UsageError where nobody does and `yes` was not said */
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
