import { UserError } from '../errors/user-error.ts';

/** Wrong arguments of a command: exit status 2. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';

  override get exitCode(): 1 | 2 {
    return 2;
  }
}
