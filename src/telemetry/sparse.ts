/** Says that something happens again and again without a line for each time: at once, and then once in a while with the count. */
export class Sparse {
  readonly #say: (times: number) => void;
  readonly #everyMs: number;
  #times = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor(say: (times: number) => void, everyMs = 60_000) {
    this.#say = say;
    this.#everyMs = everyMs;
  }

  note(): void {
    this.#times++;
    if (!this.#pause) this.#flush();
  }

  #flush(): void {
    this.#pause = undefined;
    if (this.#times === 0) return;
    this.#say(this.#times);
    this.#times = 0;
    this.#pause = setTimeout(() => this.#flush(), this.#everyMs).unref();
  }
}
