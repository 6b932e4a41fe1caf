/**
 * Finds the external data files of an ONNX graph. Only fields that lead to tensors are read. Source of the field numbers:
 * onnx.proto3 of the ONNX project, IR version 10.
 */

/** Message -> field -> message that the field holds. */
const FIELDS: Record<string, Record<number, string>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
};
const DEEPEST = 64;

class Reader {
  readonly #bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    if (end > bytes.length) throw new Error('the graph is cut off');
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** A number of up to 64 bits. Numbers beyond 2^53 lose digits, but no length is that large. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      if (this.at >= this.end) break;
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error('the graph is cut off or is no ONNX');
  }

  /** The next field: its number, and the range of its bytes if it has any. */
  field(): { number: number; from: number; to: number } | undefined {
    if (this.at >= this.end) return undefined;
    const tag = this.varint();
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) this.varint();
    const length = kind === 2 ? this.varint() : kind === 1 ? 8 : kind === 5 ? 4 : kind === 0 ? 0 : Number.NaN;
    const from = this.at;
    const to = from + length;
    if (!(to <= this.end)) throw new Error('the graph is cut off or is no ONNX');
    this.at = to;
    return { number, from, to: kind === 2 ? to : from };
  }
}

/**
 * Names of the external data files, as the graph writes them: relative or absolute, inside the folder or not.
 * @throws Error when the bytes are no ONNX graph
 */
export function externalFiles(bytes: Uint8Array): Set<string> {
  const found = new Set<string>();
  const text = (from: number, to: number) => Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString();

  function entry(from: number, to: number): void {
    const reader = new Reader(bytes, from, to);
    const pair: string[] = ['', ''];
    for (let f = reader.field(); f; f = reader.field()) if (f.number <= 2) pair[f.number - 1] = text(f.from, f.to);
    if (pair[0] === 'location') found.add(pair[1] as string);
  }

  function walk(message: string, from: number, to: number, depth: number): void {
    if (depth > DEEPEST) throw new Error('the graph is nested too deeply');
    const reader = new Reader(bytes, from, to);
    for (let f = reader.field(); f; f = reader.field()) {
      const inner = FIELDS[message]?.[f.number];
      if (inner === 'entry') entry(f.from, f.to);
      else if (inner) walk(inner, f.from, f.to, depth + 1);
    }
  }

  walk('model', 0, bytes.length, 0);
  return found;
}
