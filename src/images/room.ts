/** Pixels of images that may be in the decoder together. A photograph of a phone is alone there. */
const PIXELS = 4e6;

interface Waiting {
  pixels: number;
  admit(): void;
}

/**
 * Bounds the memory of images that are decoded at the same time by their pixels. Images enter in their order; one that is larger than the room
 * enters when it is empty.
 */
export class Room {
  readonly #limit: number;
  #inside = 0;
  #waiting: Waiting[] = [];

  constructor(limit = PIXELS) {
    this.#limit = limit;
  }

  /** Resolves with what must be called when the image is decoded. */
  async enter(pixels: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(pixels)) {
      await new Promise<void>((admit) => this.#waiting.push({ pixels, admit }));
    } else this.#inside += pixels;
    return () => this.#leave(pixels);
  }

  #fits(pixels: number): boolean {
    return this.#inside === 0 || this.#inside + pixels <= this.#limit;
  }

  #leave(pixels: number): void {
    this.#inside -= pixels;
    let next = this.#waiting[0];
    while (next && this.#fits(next.pixels)) {
      this.#waiting.shift();
      this.#inside += next.pixels;
      next.admit();
      next = this.#waiting[0];
    }
  }
}
