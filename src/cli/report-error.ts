import { UserError } from '../errors/user-error.ts';

/** Writes an error that the user can correct to standard error, and ends the process with the error's exit status. */
export function reportError(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`clipn-gate: ${error.printed}\n`);
  process.exit(error.exitCode);
}
