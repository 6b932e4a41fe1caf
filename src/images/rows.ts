/** Rows of a decoded image as RGB, computed on demand, so that the readings of an image need no memory of their own. */

/** RGB rows y .. y + count - 1, uint8 [count, width, 3]. */
export type Rows = (y: number, count: number) => Uint8Array;

export interface Raster {
  /** uint8 or uint16 [height, width, channels]. */
  data: Uint8Array;
  width: number;
  height: number;
  channels: number;
}

/** The colour channels only; grey is repeated three times. */
export function colourRows({ data, width, channels }: Raster): Rows {
  const line = width * channels;
  if (channels === 3) return (y, count) => data.subarray(y * line, (y + count) * line);
  const step = channels < 3 ? 0 : 1;
  return (y, count) => {
    const rgb = new Uint8Array(count * width * 3);
    for (let to = 0, from = y * line; to < rgb.length; to += 3, from += channels) {
      rgb[to] = data[from] as number;
      rgb[to + 1] = data[from + step] as number;
      rgb[to + 2] = data[from + 2 * step] as number;
    }
    return rgb;
  };
}

/** RGBA composited on grey of the given brightness, rounded as in libvips (vips_flatten). */
export function flattenedRows({ data, width }: Raster, background: number): Rows {
  return (y, count) => {
    const rgb = new Uint8Array(count * width * 3);
    for (let to = 0, from = y * width * 4; to < rgb.length; to += 3, from += 4) {
      const alpha = data[from + 3] as number;
      const behind = (255 - alpha) * background;
      rgb[to] = ((data[from] as number) * alpha + behind) / 255;
      rgb[to + 1] = ((data[from + 1] as number) * alpha + behind) / 255;
      rgb[to + 2] = ((data[from + 2] as number) * alpha + behind) / 255;
    }
    return rgb;
  };
}

/** Grey of 16 bits [height, width] with everything above 255 as white, as in Pillow's conversion to RGB. */
export function clippedRows(data: Uint16Array, width: number): Rows {
  return (y, count) => {
    const rgb = new Uint8Array(count * width * 3);
    for (let i = 0, from = y * width; i < count * width; i++) {
      rgb.fill(Math.min(255, data[from + i] as number), i * 3, i * 3 + 3);
    }
    return rgb;
  };
}

/** CMYK without a profile, as in Pillow's conversion to RGB. */
export function plainInkRows({ data, width }: Raster): Rows {
  return (y, count) => {
    const rgb = new Uint8Array(count * width * 3);
    for (let to = 0, from = y * width * 4; to < rgb.length; to += 3, from += 4) {
      const light = 255 - (data[from + 3] as number);
      for (let c = 0; c < 3; c++)
        rgb[to + c] = Math.max(0, light - Math.round(((data[from + c] as number) * light) / 255));
    }
    return rgb;
  };
}

const SLICE = 2 ** 20;

/** Whether any pixel of RGBA is not fully opaque. Lets the event loop run in between. */
export async function transparent({ data }: Raster): Promise<boolean> {
  for (let start = 0; start < data.length; start += 4 * SLICE) {
    const end = Math.min(data.length, start + 4 * SLICE);
    for (let at = start + 3; at < end; at += 4) if (data[at] !== 255) return true;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return false;
}
