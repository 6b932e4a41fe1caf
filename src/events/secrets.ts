import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keysOf } from './signature.ts';

/** The file that signs for every tenant without a file of its own. */
const DEFAULT = 'default';

/** There is no key to sign with; the message says why. */
export class SecretError extends Error {}

/**
 * The secrets that sign events: one file for each tenant, named by its id, and `default` for all others. They are read each time, so
 * that a changed file counts from the next request on.
 */
export class EventSecrets {
  readonly #folder: string;

  /** @param folder `CLIPN_EVENT_SECRETS_DIR`, or empty */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws SecretError */
  keysFor(tenant: string): Buffer[] {
    if (this.#folder === '') throw new SecretError('CLIPN_EVENT_SECRETS_DIR is not set, so events cannot be signed');
    for (const name of [tenant, DEFAULT]) {
      const text = this.#read(name);
      if (text === undefined) continue;
      try {
        return keysOf(text);
      } catch (error) {
        throw new SecretError(`the file ${name} of CLIPN_EVENT_SECRETS_DIR ${(error as Error).message}`);
      }
    }
    throw new SecretError(`CLIPN_EVENT_SECRETS_DIR has neither a file ${tenant} nor a file ${DEFAULT}`);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new SecretError(`the file ${name} of CLIPN_EVENT_SECRETS_DIR cannot be read (${code})`);
    }
  }
}
