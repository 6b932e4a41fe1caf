/** An error that the user of a command can do something about: `clipn-gate` prints `printed` without a stack, and ends with `exitCode`. */
export abstract class UserError extends Error {
  /** 2 for wrong arguments, settings or files; 1 for everything else. */
  abstract get exitCode(): 1 | 2;

  get printed(): string {
    return this.message;
  }
}
