/** An error that the user of a command can do something about: `clipn-gate` prints `printed` without a stack, and ends with `exitCode`. */
export abstract class UserError extends Error {
  /** 2 for wrong arguments, settings or files; 1 for everything else. */
  get exitCode(): 1 | 2 {
    return 1;
  }

  get printed(): string {
    return this.message;
  }
}

/** One that programs distinguish by a stable code, which is printed after the message. */
export abstract class CodedUserError extends UserError {
  abstract readonly code: string;

  override get printed(): string {
    return `${this.message} (${this.code})`;
  }
}
