import { createInterface } from 'node:readline/promises';
import { UsageError } from '../usage-error.ts';

/**
 * Asks for a confirmation on the terminal. Ctrl-D is a no; Ctrl-C ends the process with status 130.
 * @throws UsageError without a terminal, unless `yes` is set
 */
export async function confirmed(question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal for the confirmation; use --yes.`);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  prompt.once('SIGINT', () => {
    process.stderr.write('\n');
    process.exit(130);
  });
  const ended = new Promise<undefined>((resolve) => prompt.once('close', () => resolve(undefined)));
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `), ended]);
    if (answer === undefined) process.stderr.write('\n');
    return /^y(es)?$/i.test(answer?.trim() ?? '');
  } finally {
    prompt.close();
  }
}
