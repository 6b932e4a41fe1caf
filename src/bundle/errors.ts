/** A bundle that must not serve, and why: every fault found, each with its file or path inside the manifest. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly dir: string;
  readonly faults: readonly string[];

  constructor(dir: string, faults: string[]) {
    super(`The model bundle ${dir} cannot be used:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
    this.dir = dir;
    this.faults = faults;
  }
}
