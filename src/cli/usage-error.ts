/** A command was called in a way that can't work: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
