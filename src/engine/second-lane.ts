/**
 * Another session beside that of the batches. It takes memory and some processor time to open, so it is opened when it is wanted for the
 * first time, which a service with one tenant never does; until it is there, or where it can not be had, batches serve everybody.
 */
export class SecondLane<L> {
  readonly #open: () => Promise<L>;
  #lane: L | undefined;
  #opening: Promise<void> | undefined;

  constructor(open: () => Promise<L>) {
    this.#open = open;
  }

  wanted(): L | undefined {
    this.#opening ??= this.#open().then(
      (lane) => {
        this.#lane = lane;
      },
      (error: unknown) => void process.stderr.write(`no second session: ${error}\n`),
    );
    return this.#lane;
  }
}
