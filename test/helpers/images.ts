import sharp, { type Sharp } from 'sharp';

/** One colour all over: raw pixels as sharp's input, so that encoders and colour spaces can be put behind. */
export function plain(
  width: number,
  height: number,
  [r, g, b]: [number, number, number],
): Parameters<typeof sharp>[0] & object {
  return { create: { width, height, channels: 3, background: { r, g, b } } } as never;
}

/** Reproducible noise: nothing compresses it, every seed is another picture. */
export function noise(width: number, height: number, seed = 1): Sharp {
  const pixels = new Uint8Array(width * height * 3);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < pixels.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    pixels[i] = state & 255;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** A smooth made picture, different for every seed: closer to a photograph than noise is. */
export function waves(width: number, height: number, seed: number): Sharp {
  const pixels = new Uint8Array(width * height * 3);
  const [alongX, alongY] = [seed % 7, (seed >> 1) % 5];
  // one sine for each distance instead of one for each number of the picture: there are a thousand times fewer
  const distances = width * alongX + height * alongY + 3 * 40;
  const wave = Uint8Array.from({ length: distances }, (_, d) => 127 + 120 * Math.sin(((d + seed * 13) / width) * 6.3));
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) pixels[i++] = wave[x * alongX + y * alongY + c * 40] as number;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}
