import { UserError } from '../errors/user-error.ts';

/** Writes an error that a user can do something about to standard error, and ends the process with the status that it carries. */
export function reportError(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`clipn-gate: ${error.printed}\n`);
  process.exit(error.exitCode);
}
