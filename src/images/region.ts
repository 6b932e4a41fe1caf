/** The square that the model takes, within the whole image resized so that its shorter side fits. */
export interface Region {
  /** Size of the whole image after resizing, pixels. */
  width: number;
  height: number;
  /** Offset of the square in the resized image, pixels. */
  left: number;
  top: number;
  size: number;
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** CLIP's geometry: shorter side to `size`, longer side truncated, centre crop. */
export function centreRegion(width: number, height: number, size: number): Region {
  const [w, h] =
    width <= height ? [size, Math.trunc((size * height) / width)] : [Math.trunc((size * width) / height), size];
  return { width: w, height: h, left: roundHalfEven((w - size) / 2), top: roundHalfEven((h - size) / 2), size };
}
