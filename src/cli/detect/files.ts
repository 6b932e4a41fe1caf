import { stat } from 'node:fs/promises';
import { ServiceError } from '../../errors/index.ts';
import { MAX_FILE_BYTES, readImageFile, walkImages } from '../../evaluation/image-files.ts';
import { LeftOutFiles } from '../../evaluation/left-out.ts';
import type { ReceivedImage } from '../../serving/detect-images.ts';
import { bytesOfPath } from '../../storage/path-text.ts';
import { inFolder } from '../../storage/walk.ts';
import { UsageError } from '../usage-error.ts';

/** Stands for standard input. */
export const STDIN = '-';

export interface Found {
  files: string[];
  leftOut: LeftOutFiles;
}

/** Expands folders to the images inside, at any depth and in a stable order; keeps files as given. @throws UsageError */
export async function expandFiles(paths: string[]): Promise<Found> {
  if (paths.filter((path) => path === STDIN).length > 1) throw new UsageError('Standard input (-) is given twice.');
  const files: string[] = [];
  const leftOut = new LeftOutFiles();
  for (const path of paths) {
    // a path that cannot be opened is kept; reading it reports the error
    const isFolder =
      path !== STDIN &&
      (await stat(bytesOfPath(path)).then(
        (s) => s.isDirectory(),
        () => false,
      ));
    if (!isFolder) {
      files.push(path);
      continue;
    }
    const inside: string[] = [];
    for await (const file of walkImages(path, { leftOut })) inside.push(inFolder(path, file));
    // one by one: a call has a limited number of arguments
    for (const file of inside.sort()) files.push(file);
  }
  return { files, leftOut };
}

/** The image of a path, or of standard input; an error in its place if it cannot be read. */
export async function imageOf(file: string): Promise<ReceivedImage> {
  try {
    return { id: file, bytes: file === STDIN ? await readStdin() : await readImageFile(file) };
  } catch (cause) {
    const detail = `${file === STDIN ? 'Standard input' : file} can't be read: ${(cause as Error).message}`;
    return { id: file, bytes: new ServiceError('invalid_request', detail, { cause }) };
  }
}

async function readStdin(): Promise<Buffer> {
  if (process.stdin.isTTY) throw new Error('it is a terminal; send an image through a pipe or from a file');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += chunk.length;
    if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES / 2 ** 20} MiB`);
    chunks.push(chunk);
  }
  if (size === 0) throw new Error('it is empty');
  return Buffer.concat(chunks);
}
