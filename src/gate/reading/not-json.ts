/** The text is not JSON; it is examined as plain text. */
export class NotJson extends Error {
  override readonly name = 'NotJson';
  /** Set if the walk gave up, so that other parsers may read it as JSON. */
  readonly undecided: boolean;

  constructor(message: string, undecided = false) {
    super(message);
    this.undecided = undecided;
  }
}
