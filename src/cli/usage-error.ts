import { UserError } from '../errors/user-error.ts';

/** A command was called in a way that can't work: exit status 2. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';

  get exitCode(): 1 | 2 {
    return 2;
  }
}
