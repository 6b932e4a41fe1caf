import { isAscii } from 'node:buffer';
import { classify } from './classify.ts';
import { encodedContents } from './encodings/index.ts';
import { spelledBytes } from './encodings/spelled.ts';
import { imageFormat } from './formats/image-format.ts';
import { lenientImage } from './lenient.ts';
import { type Unpacked, unpacked } from './packed.ts';
import { surely } from './surely.ts';
import { Tensor } from './tensor.ts';

/** A finding in a text: the reason why it is unexamined, or a text inside it that is examined in turn. */
export type RareFinding = { why: string } | { text: Buffer } | { packed: Unpacked; name: string };

/** Images, packed files and texts in encodings other than base64 and plain hexadecimal. */
export function* rareEncodings(text: Buffer): Generator<RareFinding> {
  for (const { name, bytes } of encodedContents(text)) {
    const format = surely(bytes);
    if (format !== undefined) {
      yield { why: `an image in ${name} (${format})` };
      return;
    }
    const packed = unpacked(bytes);
    if (packed) {
      yield { packed, name };
      continue;
    }
    const damaged = lenientImage(bytes);
    if (damaged !== undefined) yield { why: `an image in base64 in ${name} (${damaged})` };
    const content = classify(bytes);
    if (content.kind === 'archive') yield { why: `packed content in ${name} (${content.name})` };
    // prose that decodes to characters of ASCII throughout does not exist
    if (content.kind === 'text' && isAscii(bytes) && !bytes.includes(0x7f)) yield { text: bytes };
  }
  for (const { radix, bytes } of spelledBytes(text)) yield* spelled(radix, bytes);
}

function* spelled(radix: number, bytes: Buffer): Generator<RareFinding> {
  const how = `numbers of radix ${radix}`;
  if (radix !== 16) {
    const tensor = new Tensor();
    for (const byte of bytes) tensor.leaf(byte);
    const { format } = tensor;
    const why = format ? `an image as ${how} (${format.name})` : tensor.pixels(false);
    if (why) yield { why };
    return;
  }
  // digits in pairs are bytes, so a header alone counts
  const format = imageFormat(bytes)?.name;
  const content = format === undefined ? classify(bytes) : undefined;
  const packed = content?.kind === 'unknown' || content?.kind === 'archive' ? unpacked(bytes) : undefined;
  if (format !== undefined) yield { why: `an image as ${how} (${format})` };
  else if (packed) yield { packed, name: how };
  else if (content?.kind === 'archive') yield { why: `packed content as ${how} (${content.name})` };
  else if (content?.kind === 'text') yield { text: bytes };
}
