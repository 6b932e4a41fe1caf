import { createHash } from 'node:crypto';
import type { FeatureRequest, TextFeatureBuilder, Tower } from '../../src/engine/index.ts';

export const WIDTH = 64;

/** A unit row that follows from tower and name: a test can recompute it and compare. */
export function madeRow(tower: Tower, name: string): Float32Array {
  const row = new Float32Array(WIDTH);
  for (let block = 0; block * 32 < WIDTH; block++) {
    const bytes = createHash('sha256').update(`${tower} ${block} ${name}`).digest();
    for (let i = 0; i < 32; i++) row[block * 32 + i] = (bytes[i] as number) - 127.5;
  }
  const length = Math.hypot(...row);
  return row.map((value) => value / length);
}

/** Makes such rows, and counts them. */
export class MadeFeatures implements TextFeatureBuilder {
  built = 0;
  async build({ names, tower }: FeatureRequest): Promise<Float32Array> {
    this.built += names.length;
    const rows = new Float32Array(names.length * WIDTH);
    for (const [i, name] of names.entries()) rows.set(madeRow(tower, name), i * WIDTH);
    return rows;
  }
}
