import { UserError } from '../errors/user-error.ts';

/** A bundle that must not be served, with every fault and its file or path in the manifest. */
export class BundleError extends UserError {
  override readonly name = 'BundleError';
  readonly dir: string;
  readonly faults: readonly string[];

  constructor(dir: string, faults: string[]) {
    super(`The model bundle ${dir} cannot be used:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
    this.dir = dir;
    this.faults = faults;
  }
}
