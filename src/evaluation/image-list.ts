import { readFile } from 'node:fs/promises';
import { normalize } from 'node:path';
import { printable } from '../errors/printable.ts';
import { EvaluationError } from './errors.ts';

/** One image of a list. */
export interface ListedImage {
  /** Relative to the folder that the list is for. */
  path: string;
  label: number;
}

const LINE = /^(.+) (-?\d+)$/;

/**
 * An image list as OpenOOD ships them: one line per image, its path and the number of its class (-1 for none), with a blank between.
 * @throws EvaluationError list_invalid for an unreadable file, another line, or a path that leaves the folder
 */
export async function readImageList(file: string): Promise<ListedImage[]> {
  const shown = printable(file);
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new EvaluationError('list_invalid', `${shown} can't be read: ${printable(cause.message)}`, cause);
  });
  const images: ListedImage[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [, path, label] = LINE.exec(line) ?? [];
    if (path === undefined || path.startsWith('/') || normalize(path).startsWith('..')) {
      throw new EvaluationError(
        'list_invalid',
        `${shown}: line ${i + 1} is not a path inside the folder, a blank, and the number of a class.`,
      );
    }
    images.push({ path, label: Number(label) });
  }
  return images;
}
