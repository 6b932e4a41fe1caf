import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { waves } from '../../helpers/images.ts';
import { photographs } from '../../helpers/paths.ts';
import type { Post } from './connection.ts';

export interface Pictures {
  /** For people: what they are. */
  name: string;
  jpegs: Buffer[];
}

/** The photographs beside the checkout as they are, or made pictures of about their size where there are none. */
export async function photographsOrMade(): Promise<Pictures> {
  if (photographs.length === 0) return sized(300, 225, 40);
  const jpegs = await Promise.all(photographs.map((file) => readFile(file)));
  return { name: `${jpegs.length} photographs as they are`, jpegs };
}

/**
 * Pictures of one size: photographs scaled to cover it where there are any, else smooth made ones.
 * @param profile the name of a colour profile that sharp knows, to be embedded as cameras and telephones do
 */
export async function sized(width: number, height: number, count: number, profile?: string): Promise<Pictures> {
  const jpegs: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const file = photographs[(i * 7) % Math.max(1, photographs.length)];
    const picture = file
      ? sharp(file).resize(width, height, { fit: 'cover' }).toColourspace('srgb')
      : waves(width, height, i + 1);
    if (profile) picture.withIccProfile(profile);
    jpegs.push(await picture.jpeg({ quality: 85 }).toBuffer());
  }
  const kind = photographs.length > 0 ? 'photographs' : 'made';
  return { name: `${width} x ${height}, ${kind}${profile ? `, profile ${profile}` : ''}`, jpegs };
}

let sent = 0;

/**
 * A request with a picture that was never sent before: a JPEG comment with a number goes in behind the first marker, so
 * that no cache of the service knows the file while pixels and size stay what they are.
 */
export function request(jpeg: Buffer, query = ''): Post {
  const comment = Buffer.from([0xff, 0xd8, 0xff, 0xfe, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
  comment.writeBigUInt64BE(BigInt(++sent) + (BigInt(process.pid) << 40n), 6);
  return {
    path: `/v1/detect${query}`,
    contentType: 'application/octet-stream',
    body: [comment, jpeg.subarray(2)],
  };
}
