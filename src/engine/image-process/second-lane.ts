/**
 * Another session beside that of the batches. It takes memory and some processor time to open, so it is opened when it is wanted for the
 * first time, which a service with one tenant never does; until it is there, or where it can not be had, batches serve everybody.
 */
export class SecondLane<L> {
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
