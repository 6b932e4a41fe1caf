import type { Method } from '../../clipn/index.ts';
import { toProblem } from '../../errors/index.ts';
import { verdictOf } from '../../http/verdict.ts';
import type { JudgedImage } from '../../serving/detect-images.ts';
import { table } from '../table.ts';

/** The rule that decided, and the class names that verdicts refer to by index. */
export interface Naming {
  method: Method;
  classes: readonly string[];
}

/** One JSON object per line: the fields of the service's reply, with the path of the file instead of the id. */
export function jsonLines(judged: readonly JudgedImage[], { method, classes }: Naming): string {
  const lines = judged.map((image) => {
    if ('error' in image) return { file: image.id, error: toProblem(image.error) };
    const { id: file, ...verdict } = verdictOf(image, method, classes);
    return { file, ...verdict };
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** A file name may have characters that a terminal would obey; they are shown as `?`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const printable = (text: string) => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');

/** A table for people. */
export function verdictTable(judged: readonly JudgedImage[], { method, classes }: Naming): string {
  const rows = judged.map((image) => {
    if ('error' in image) return [printable(image.id), 'error', printable(image.error.message), '', '', ''];
    const { index, probability, noProbability, oodProbability } = image.detection;
    const numbers = [probability, noProbability, oodProbability].map((value) => value.toFixed(3));
    return [printable(image.id), image.decision === 'id' ? 'in' : 'OUT', classes[index] as string, ...numbers];
  });
  return `${table(['file', method, 'class', 'p', '"no"', 'none of these'], rows, new Set([3, 4, 5]))}\n`;
}
