import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { centreRegion } from '../../src/images/region.ts';
import { resample } from '../../src/images/resample.ts';
import { colourRows } from '../../src/images/rows.ts';
import { plainResample } from '../helpers/plain-resample.ts';

/** Noise, the same in every run; `hard`: black and white only, where the kernel overshoots most. */
function pixels(width: number, height: number, hard: boolean): Uint8Array {
  let state = width * 7919 + height;
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return hard ? (state >>> 31) * 255 : state >>> 24;
  });
}

async function assertSame(width: number, height: number, size: number) {
  const region = centreRegion(width, height, size);
  for (const hard of [false, true]) {
    const source = pixels(width, height, hard);
    const name = `${width} x ${height} to ${size}`;
    assert.deepEqual(
      await resample(colourRows({ data: source, width, height, channels: 3 }), width, height, region),
      plainResample(source, width, height, region),
      name,
    );
  }
}

describe('the resampling of eight products at a time is the plain one, bit for bit', () => {
  it('the fast resampling equals the plain one for reduction, enlargement and equal size, with every remainder of four and eight', async () => {
    for (let i = 0; i < 60; i++) await assertSame(1 + ((i * 37) % 211), 1 + ((i * 53) % 197), 1 + ((i * 29) % 113));
    for (const [width, height] of [
      [300, 225],
      [375, 500],
      [224, 224],
      [64, 65],
    ] as const) {
      for (const size of [64, 224]) await assertSame(width, height, size);
    }
  });

  it('the fast resampling equals the plain one for extreme proportions', async () => {
    await assertSame(3000, 2, 16);
    await assertSame(2, 3000, 16);
    await assertSame(1, 1, 33);
  });

  it('the fast resampling equals the plain one for images more than twice as high as wide, in one slice and in several', async () => {
    for (const [width, height, size] of [
      [61, 122, 24],
      [61, 123, 24],
      [61, 200, 64],
      [25, 51, 24],
      [700, 2600, 64],
      [501, 1700, 224],
    ] as const)
      await assertSame(width, height, size);
  });

  it('the fast resampling equals the plain one in several slices, with many images at the same time', async () => {
    // each of these waits between its slices, and the others use the same memory meanwhile
    const sizes = [
      [1600, 1200, 64],
      [1203, 1999, 224],
      [1500, 1501, 35],
      [900, 700, 32],
    ] as const;
    await Promise.all(sizes.map(([width, height, size]) => assertSame(width, height, size)));
  });
});
