import { decodeBase64 } from './base64.ts';
import { base64Blocks, numberLines } from './lines.ts';
import { surely } from './surely.ts';
import { Tensor } from './tensor.ts';

/** Images in blocks of lines, as base64 of any format or as numbers; yields undefined after every block without one. */
export function* imageInLines(text: Buffer): Generator<string | undefined> {
  if (!text.includes('\n')) return;
  for (const block of base64Blocks(text)) {
    const format = block && surely(decodeBase64(block));
    yield format === undefined ? undefined : `an image in lines of base64 (${format})`;
  }
  for (const numbers of numberLines(text)) {
    const tensor = new Tensor();
    for (const number of numbers) tensor.leaf(number);
    yield tensor.format ? `an image as numbers (${tensor.format.name})` : tensor.pixels(false);
  }
}
