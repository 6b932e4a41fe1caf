/** The count of each key; keys with a count of zero are removed. */
export class CountsByKey {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Keys with a count above zero, and this key in any case. */
  keysWith(key: string): number {
    return this.#counts.size + (this.#counts.has(key) ? 0 : 1);
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
