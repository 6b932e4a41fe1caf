/**
 * The light lane's session, beside the one that runs batches. It takes memory and some processor time to open, so it is opened when it is wanted
 * for the first time, which a service with one tenant never does. Until it is open, or where it cannot be opened, batches serve every tenant.
 */
export class LightLane<L> {
  readonly #open: () => Promise<L>;
  readonly #told: (error?: unknown) => void;
  #lane: L | undefined;
  #opening: Promise<void> | undefined;

  /** @param told called once, when it is open or could not be opened */
  constructor(open: () => Promise<L>, told: (error?: unknown) => void) {
    this.#open = open;
    this.#told = told;
  }

  wanted(): L | undefined {
    this.#opening ??= this.#open().then((lane) => {
      this.#lane = lane;
      this.#told();
    }, this.#told);
    return this.#lane;
  }
}
