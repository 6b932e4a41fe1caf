import type { ServerResponse } from 'node:http';

/** The client's leaving before it has its whole answer. Lighter than an AbortSignal, which every request would pay for. */
export class Departure {
  readonly #listeners: (() => void)[] = [];
  #gone = false;

  constructor(response: ServerResponse) {
    response.once('close', () => {
      if (response.writableFinished) return;
      this.#gone = true;
      for (const listener of this.#listeners) listener();
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Called when the client leaves, at once where it has left. */
  onGone(listener: () => void): void {
    if (this.#gone) listener();
    else this.#listeners.push(listener);
  }

  /** For what takes nothing else. */
  signal(): AbortSignal {
    const controller = new AbortController();
    this.onGone(() => controller.abort(new Error('the client disconnected')));
    return controller.signal;
  }
}
