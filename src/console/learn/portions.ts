/** An image that is loaded when its request is made. */
export interface Sendable {
  name: string;
  bytes: number;
  file(): Promise<Blob>;
}

/** Images and bytes of one request, below the limits that the service has by default. */
const MOST_IMAGES = 50;
const MOST_BYTES = 24 * 2 ** 20;

/** The images in portions, each for one request. */
export function portionsOf<T extends { bytes: number }>(images: readonly T[]): T[][] {
  const portions: T[][] = [];
  let size = 0;
  for (const image of images) {
    const last = portions.at(-1);
    if (!last || last.length === MOST_IMAGES || size + image.bytes > MOST_BYTES) {
      portions.push([image]);
      size = image.bytes;
    } else {
      last.push(image);
      size += image.bytes;
    }
  }
  return portions;
}
