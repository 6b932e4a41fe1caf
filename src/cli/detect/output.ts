import type { Rule } from '../../clipn/index.ts';
import { toProblem } from '../../errors/index.ts';
import { printableJson } from '../../errors/printable.ts';
import { verdictOf } from '../../http/verdict.ts';
import type { JudgedImage } from '../../serving/detect-images.ts';
import { table } from '../table.ts';

/** The rule that decided, and the class names that verdicts refer to by index. */
export interface Naming {
  method: Rule;
  classes: readonly string[];
}

/** One JSON object per line: the fields of the service's reply, with the path of the file instead of the id. */
export function jsonLines(judged: readonly JudgedImage[], { method, ...serving }: Naming): string {
  const lines = judged.map((image) => {
    if ('error' in image) return { file: image.id, error: toProblem(image.error) };
    const { id: file, ...verdict } = verdictOf(image, method, serving);
    return { file, ...verdict };
  });
  return lines.map((line) => `${printableJson(line)}\n`).join('');
}

/** A table for people. */
export function verdictTable(judged: readonly JudgedImage[], { method, classes }: Naming): string {
  const explained = judged.some((image) => 'looksLike' in image);
  const rows = judged.map((image) => {
    if ('error' in image) return [image.id, 'error', image.error.message, '', '', ''];
    const { index, probability, noProbability, oodProbability } = image.detection;
    const numbers = [probability, noProbability, oodProbability].map((value) => value.toFixed(3));
    const words = explained ? [looksLike(image)] : [];
    return [image.id, image.decision === 'id' ? 'in' : 'OUT', classes[index] as string, ...numbers, ...words];
  });
  const columns = ['file', method, 'class', 'p', '"no"', 'none of these', ...(explained ? ['looks like'] : [])];
  return `${table(columns, rows, new Set([3, 4, 5]))}\n`;
}

/** The words of a refused image with their probabilities; a dash where none is near. */
function looksLike({ decision, looksLike: words = [] }: Extract<JudgedImage, { detection: unknown }>): string {
  if (decision === 'id') return '';
  return words.map(({ word, probability }) => `${word} ${probability.toFixed(3)}`).join(', ') || '-';
}
