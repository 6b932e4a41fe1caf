/** A growing column of numbers with eight bytes each, so that a million images fit into memory. */
export class Column {
  #values = new Float64Array(256);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  get length(): number {
    return this.#length;
  }

  /** The numbers so far, in order, as a view that is valid until the next push. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
