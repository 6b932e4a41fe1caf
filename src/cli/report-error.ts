import { BundleError } from '../bundle/errors.ts';
import { ConfigError } from '../config/index.ts';
import { ServiceError } from '../errors/index.ts';
import { EvaluationError } from '../evaluation/errors.ts';
import { GateFileError } from '../gate/config/load.ts';
import { SchemaTooNewError } from '../storage/postgres/migrate.ts';
import { RequestError } from './tenants/client.ts';
import { DocumentError } from './tenants/documents.ts';
import { UsageError } from './usage-error.ts';

/** Writes an error that a user can do something about to standard error and ends the process: 2 for wrong arguments or files, else 1. */
export function reportError(error: unknown): never {
  if (error instanceof EvaluationError) {
    process.stderr.write(`clipn-gate: ${error.message} (${error.code})\n`);
    process.exit(2);
  }
  if (error instanceof RequestError || error instanceof DocumentError || error instanceof UsageError) {
    const code = error instanceof RequestError ? ` (${error.code})` : '';
    process.stderr.write(`clipn-gate: ${error.message}${code}\n`);
    process.exit(error instanceof RequestError && error.code !== 'invalid_url' ? 1 : 2);
  }
  if (error instanceof GateFileError) {
    process.stderr.write(`clipn-gate: ${error.message}\n`);
    process.exit(2);
  }
  if (
    error instanceof ConfigError ||
    error instanceof BundleError ||
    error instanceof SchemaTooNewError ||
    error instanceof ServiceError
  ) {
    const internal = error instanceof ServiceError && error.internal ? `\n  ${error.internal}` : '';
    process.stderr.write(`clipn-gate: ${error.message}${internal}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
  throw error;
}
