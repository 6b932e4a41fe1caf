const NIBBLE = new Int8Array(256).fill(-1);
for (const [value, c] of [...Buffer.from('0123456789abcdef')].entries()) NIBBLE[c] = value;
for (const [value, c] of [...Buffer.from('ABCDEF')].entries()) NIBBLE[c] = value + 10;

/** Bytes that grow; undefined once a number is none of a radix. */
class Bytes {
  #bytes = Buffer.allocUnsafe(64);
  #length = 0;
  valid = true;

  add(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const more = Buffer.allocUnsafe(2 * this.#length);
      this.#bytes.copy(more);
      this.#bytes = more;
    }
    this.#bytes[this.#length++] = byte;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The numbers of a text as bytes, in every radix at once. */
export class Spelling {
  readonly #text: Uint8Array;
  /** Hexadecimal digits in pairs, whatever number they belong to. */
  readonly #pairs = new Bytes();
  /** A number of one or two hexadecimal digits as a byte of its own: "0x0 0xa". */
  readonly #single = new Bytes();
  readonly #decimal = new Bytes();
  readonly #octal = new Bytes();
  readonly #binary = new Bytes();
  /** The first digit of a pair; -1 between pairs. */
  #open = -1;
  #short = false;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  isBinary(start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (this.#text[i] !== 0x30 && this.#text[i] !== 0x31) return false;
    return true;
  }

  /** Adds the hexadecimal digits of a number. */
  number(start: number, end: number): void {
    const text = this.#text;
    const length = end - start;
    let last = 0;
    for (let i = start; i < end; i++) {
      const nibble = NIBBLE[text[i] as number] as number;
      if (this.#open < 0) this.#open = nibble;
      else {
        this.#pairs.add(this.#open * 16 + nibble);
        this.#open = -1;
      }
      last = (last * 16 + nibble) & 0xffff;
    }
    if (length === 1) this.#short = true;
    if (this.#single.valid) {
      if (length > 2) this.#single.valid = false;
      else this.#single.add(last);
    }
    if (this.#decimal.valid) this.#add(this.#decimal, start, end, 10);
    if (this.#octal.valid) this.#add(this.#octal, start, end, 8);
    if (this.#binary.valid) this.#bits(start, end);
  }

  /** A number of one to three digits up to 255. */
  #add(to: Bytes, start: number, end: number, radix: number): void {
    let value = 0;
    if (end - start > 3) value = 256;
    for (let i = start; i < end && value < 256; i++) {
      const digit = NIBBLE[this.#text[i] as number] as number;
      value = digit < radix ? value * radix + digit : 256;
    }
    if (value > 255) to.valid = false;
    else to.add(value);
  }

  /** Up to eight binary digits, or a multiple of eight. */
  #bits(start: number, end: number): void {
    const length = end - start;
    if ((length > 8 && length % 8 !== 0) || !this.isBinary(start, end)) {
      this.#binary.valid = false;
      return;
    }
    for (let at = start; at < end; at += 8) {
      let value = 0;
      for (let i = at; i < at + 8 && i < end; i++) value = value * 2 + (this.#text[i] as number) - 0x30;
      this.#binary.add(value);
    }
  }

  *results(): Generator<{ radix: number; bytes: Buffer }> {
    yield { radix: 16, bytes: this.#pairs.bytes };
    if (this.#single.valid && this.#short) yield { radix: 16, bytes: this.#single.bytes };
    if (this.#decimal.valid) yield { radix: 10, bytes: this.#decimal.bytes };
    if (this.#octal.valid) yield { radix: 8, bytes: this.#octal.bytes };
    if (this.#binary.valid) yield { radix: 2, bytes: this.#binary.bytes };
  }
}
