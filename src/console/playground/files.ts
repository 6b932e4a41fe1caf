import type { Picture } from './picture.ts';

export type { Picture };

/** @param path of the file from the chosen folder on */
function toPicture(file: File, path = file.webkitRelativePath): Picture {
  const folder = path.split('/').at(-2);
  return { name: file.name || 'pasted image', blob: file, ...(folder ? { folder } : {}) };
}

export function fromList(files: FileList | null | undefined): Picture[] {
  return [...(files ?? [])].map((file) => toPicture(file));
}

/** Dropped or pasted files, including the content of folders. Must be called while the event is handled. */
export async function fromTransfer(transfer: DataTransfer): Promise<Picture[]> {
  const entries = [...transfer.items]
    .filter((i) => i.kind === 'file')
    .map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  const found = await Promise.all(entries.map((e) => (e instanceof File ? toPicture(e) : e === null ? [] : read(e))));
  const pictures = found.flat();
  // a picture dragged from another page may have no entry
  return pictures.length > 0 ? pictures : fromList(transfer.files);
}

async function read(entry: FileSystemEntry): Promise<Picture[]> {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [toPicture(file, entry.fullPath)];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: Picture[] = [];
  for (;;) {
    // browsers return the entries of a directory in groups of a hundred
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const inner of some) files.push(...(await read(inner)));
  }
}
