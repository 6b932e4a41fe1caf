import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { sniff } from '../images/format.ts';
import { isImageName, isSystemName } from '../images/names.ts';
import { bytesOfPath } from '../storage/path-text.ts';
import { inFolder, list, walk } from '../storage/walk.ts';
import type { LeftOutFiles } from './left-out.ts';

/** A larger file is refused: it is read whole. */
export const MAX_FILE_BYTES = 512 * 2 ** 20;
/** Enough for every signature, and for the list of brands of an AVIF file. */
const HEAD_BYTES = 4096;

/** Opens a regular file. Opening or reading a pipe may wait for ever, and opening a device may have an effect. */
async function openRegular(path: string) {
  const bytes = bytesOfPath(path);
  const refuse = () => new Error('it is not a file but a pipe, a socket, a device or a folder');
  if (!(await stat(bytes)).isFile()) throw refuse();
  // it may have been replaced since then
  const handle = await open(bytes, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, size: stats.size };
  await handle.close();
  throw refuse();
}

/** The content of an image file. Rejects for anything but a regular file, without waiting, and for more than `MAX_FILE_BYTES`. */
export async function readImageFile(path: string): Promise<Buffer> {
  const { handle, size } = await openRegular(path);
  try {
    if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES / 2 ** 20} MiB`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function looksLikeImage(path: string): Promise<boolean> {
  const { handle } = await openRegular(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return sniff(buffer.subarray(0, bytesRead)) !== undefined;
  } finally {
    await handle.close();
  }
}

interface FolderWalk {
  /** Real paths of folders that are left out without a word. */
  skip?: ReadonlySet<string>;
  leftOut?: LeftOutFiles;
}

const optionsOf = (root: string, { skip, leftOut }: FolderWalk) => ({
  wanted: async (name: string, path: string) => {
    const is = isImageName(name);
    return is === 'unknown' ? await looksLikeImage(path) : is;
  },
  isSystem: isSystemName,
  // without a list of its own, a second walk over the same folders leaves the same out
  onLeftOut: (path: string, ...why: [Parameters<LeftOutFiles['add']>[1], Error?]) =>
    leftOut?.add(inFolder(root, path), ...why),
  ...(skip && { skip }),
});

/** The images of a folder at any depth, as paths relative to it, in a stable order; see `walk`. `inside` ends in a slash. */
export const walkImages = (root: string, walking: FolderWalk = {}, inside = ''): AsyncGenerator<string> =>
  walk(root, optionsOf(root, walking), inside);

/** The folders directly inside a folder, in order, without hidden ones and those of an operating system. Images beside them are left out. */
export async function foldersIn(root: string, walking: FolderWalk = {}): Promise<string[]> {
  const entries = await list(root, optionsOf(root, walking));
  for (const e of entries) if (e.kind === 'file') walking.leftOut?.add(e.name, 'outside_class_folders');
  return entries.flatMap((e) => (e.kind === 'folder' ? [e.name] : []));
}
