/** A picture that was added to the page. */
export interface Picture {
  name: string;
  blob: Blob;
}

const toPicture = (file: File): Picture => ({ name: file.name || 'pasted image', blob: file });

export function fromList(files: FileList | null | undefined): Picture[] {
  return [...(files ?? [])].map(toPicture);
}

/** Dropped or pasted files, including the content of folders. Must be called while the event is handled. */
export async function fromTransfer(transfer: DataTransfer): Promise<Picture[]> {
  const entries = [...transfer.items]
    .filter((i) => i.kind === 'file')
    .map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  const found = await Promise.all(entries.map((e) => (e instanceof File || e === null ? e : read(e))));
  const pictures = found.flat().filter((f) => f !== null);
  // a picture dragged from another page may have no entry
  return (pictures.length > 0 ? pictures : [...transfer.files]).map(toPicture);
}

async function read(entry: FileSystemEntry): Promise<File[]> {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (;;) {
    // browsers return the entries of a directory in groups of a hundred
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const inner of some) files.push(...(await read(inner)));
  }
}
