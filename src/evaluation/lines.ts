import { createReadStream } from 'node:fs';

export interface TextLine {
  text: string;
  /** Offset in the file of the byte after the line's end. */
  end: number;
  /** False for a last line without a line feed, whose write was interrupted. */
  whole: boolean;
}

/**
 * Lines of a file, split at line feeds only, because file names may contain the other line separators.
 * @param end read up to this offset
 */
export async function* linesOf(path: string, end = Number.POSITIVE_INFINITY): AsyncGenerator<TextLine> {
  if (end <= 0) return;
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of createReadStream(path, { end: end - 1 }) as AsyncIterable<Buffer>) {
    let data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10)) {
      offset += at + 1;
      yield { text: data.toString('utf8', 0, at), end: offset, whole: true };
      data = data.subarray(at + 1);
    }
    rest = data;
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), end: offset + rest.length, whole: false };
}
