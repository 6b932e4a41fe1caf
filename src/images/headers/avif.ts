import { type Box, BoxReader, boxesIn } from './boxes.ts';

export interface AvifHeader {
  /** Pictures of the sequence; 1 for a still image. */
  frames: number;
  /** Whether the still image of the file and the first picture of its sequence are the same bytes. */
  consistent: boolean;
}

interface Extent {
  offset: number;
  length: number;
}

/**
 * Reads the header of an AVIF file (ISO/IEC 23008-12); undefined where it violates the standard. A file may hold a still
 * image and a sequence, and readers differ in which of the two they show. libvips decodes the still image only, so
 * `consistent` says whether the first picture of the sequence is the same image.
 */
export function readAvifHeader(bytes: Uint8Array): AvifHeader | undefined {
  try {
    const file = boxesIn(bytes, 0, bytes.length);
    const still = only(file, 'meta');
    if (!file || !still) return undefined;
    const tracks = file.filter(({ type }) => type === 'moov' || type === 'moof');
    if (tracks.length === 0) return { frames: 1, consistent: true };
    const movie = only(file, 'moov');
    const sequences = (movie && boxesIn(bytes, movie.from, movie.to))?.filter(({ type }) => type === 'trak') ?? [];
    // a second sequence may carry the transparency of the first
    const pictures = sequences.map((track) => samplesOf(bytes, track));
    const first = pictures[0];
    if (tracks.length !== 1 || !first || pictures.includes(undefined)) return { frames: 2, consistent: false };
    const item = placeOfPrimary(bytes, still);
    const consistent =
      item !== undefined && pictures.length === 1 && first.offset === item.offset && first.length === item.length;
    return { frames: first.count, consistent };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function only(boxes: Box[] | undefined, type: string): Box | undefined {
  const found = boxes?.filter((box) => box.type === type) ?? [];
  return found.length === 1 ? found[0] : undefined;
}

function descend(bytes: Uint8Array, box: Box, path: string[]): Box | undefined {
  let here: Box | undefined = box;
  for (const type of path) here = here && only(boxesIn(bytes, here.from, here.to), type);
  return here;
}

/** Position of the first sample of a track, and the number of samples. */
function samplesOf(bytes: Uint8Array, track: Box): (Extent & { count: number }) | undefined {
  const table = descend(bytes, track, ['mdia', 'minf', 'stbl']);
  const boxes = table && boxesIn(bytes, table.from, table.to);
  const sizes = only(boxes, 'stsz');
  const chunks = only(boxes, 'stco');
  const wide = only(boxes, 'co64');
  if (!sizes || (chunks === undefined) === (wide === undefined)) return undefined;
  const size = new BoxReader(bytes, sizes);
  size.number(4);
  const common = size.number(4);
  const count = size.number(4);
  if (count === 0) return undefined;
  const chunk = new BoxReader(bytes, (chunks ?? wide) as Box);
  chunk.number(4);
  if (chunk.number(4) === 0) return undefined;
  return { offset: chunk.number(wide ? 8 : 4), length: common || size.number(4), count };
}

/** Position of the bytes of the primary item; undefined unless they are contiguous in the file. */
function placeOfPrimary(bytes: Uint8Array, meta: Box): Extent | undefined {
  const boxes = boxesIn(bytes, meta.from + 4, meta.to);
  const primary = only(boxes, 'pitm');
  const locations = only(boxes, 'iloc');
  if (!primary || !locations) return undefined;
  const id = new BoxReader(bytes, primary);
  const wanted = id.number(4) >>> 24 === 0 ? id.number(2) : id.number(4);
  const places = new BoxReader(bytes, locations);
  const version = places.number(4) >>> 24;
  const sizes = places.number(2);
  const [offsetSize, lengthSize, baseSize] = [(sizes >> 12) & 15, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version > 0 ? sizes & 15 : 0;
  for (let items = places.number(version < 2 ? 2 : 4); items > 0; items--) {
    const item = places.number(version < 2 ? 2 : 4);
    const inFile = version === 0 || (places.number(2) & 15) === 0;
    places.number(2);
    const base = places.number(baseSize);
    const extents = places.number(2);
    let place: Extent | undefined;
    for (let extent = 0; extent < extents; extent++) {
      places.number(indexSize);
      place = { offset: base + places.number(offsetSize), length: places.number(lengthSize) };
    }
    if (item === wanted) return inFile && extents === 1 ? place : undefined;
  }
  return undefined;
}
