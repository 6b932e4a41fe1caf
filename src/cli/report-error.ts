import { printable } from '../errors/printable.ts';
import { UserError } from '../errors/user-error.ts';

/** Writes an error that the user can correct to standard error, and ends the process with the error's exit status. */
export function reportError(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  // the lines of an error are its own; a name in them may have control characters
  const lines = error.printed.split('\n').map(printable);
  process.stderr.write(`clipn-gate: ${lines.join('\n')}\n`);
  process.exit(error.exitCode);
}
