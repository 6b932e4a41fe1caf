import { basename, extname } from 'node:path';
import { printable } from '../errors/printable.ts';
import type { LeftOut } from '../storage/walk.ts';

/** Most names that are listed for one reason. */
const MOST_NAMED = 3;
/** Most endings that are counted one by one, and most unreadable entries that are listed: neither grows with the folder. */
const MOST_ENDINGS = 12;
const MOST_UNREADABLE = 100;

/** Reasons of an ID set, whose folders are classes, and of a set with an image list. */
type NoClass = 'class_without_images' | 'outside_class_folders' | 'listed_but_missing';

/** One and many of each reason. */
const TEXTS: Record<Exclude<LeftOut, 'unwanted' | 'unreadable'> | NoClass, [string, string]> = {
  hidden: ['hidden name', 'hidden names'],
  system: ['name of the operating system', 'names of the operating system'],
  not_a_file: ['pipe, socket or device', 'pipes, sockets or devices'],
  broken_link: ['broken link', 'broken links'],
  link_to_folder_above: ['link to a folder above it', 'links to folders above them'],
  folder_seen_before: ['folder that was read under another name', 'folders that were read under other names'],
  class_without_images: ['folder without images, which is no class', 'folders without images, which are no classes'],
  listed_but_missing: ['image of a list that is not there', 'images of lists that are not there'],
  outside_class_folders: ['image beside the class folders', 'images beside the class folders'],
};

interface Unreadable {
  path: string;
  message: string;
}

/** The entries that a walk over folders of images left out, counted by reason, with the first names of each. */
export class LeftOutFiles {
  readonly #groups = new Map<string, { one: string; many: string; count: number; named: string[] }>();
  #endings = 0;
  /** Files and folders that could not be read. */
  readonly unreadable: Unreadable[] = [];
  /** Unreadable ones beyond those that are listed. */
  #more = 0;

  add(path: string, reason: LeftOut | NoClass, cause?: Error): void {
    if (reason === 'unreadable') {
      if (this.unreadable.length < MOST_UNREADABLE) this.unreadable.push({ path, message: String(cause?.message) });
      else this.#more++;
      return;
    }
    const [one, many] = reason === 'unwanted' ? this.#textOf(path) : TEXTS[reason];
    const group = this.#groups.get(one) ?? { one, many, count: 0, named: [] };
    this.#groups.set(one, group);
    group.count++;
    if (group.named.length < MOST_NAMED) group.named.push(basename(path));
  }

  #textOf(path: string): [string, string] {
    const ending = extname(path).toLowerCase();
    if (ending === '' || ending.length > 12) return ['file that is no image', 'files that are no images'];
    const one = `${printable(ending)} file`;
    if (!this.#groups.has(one) && ++this.#endings > MOST_ENDINGS)
      return ['file of another ending', 'files of other endings'];
    return [one, `${one}s`];
  }

  /** One line for each reason, such as `2 .txt files (a.txt, b.txt)`. */
  lines(): string[] {
    return [...this.#groups.values()].map(({ one, many, count, named }) => {
      const more = count > named.length ? ` and ${count - named.length} more` : '';
      return `${count} ${count === 1 ? one : many} (${named.map(printable).join(', ')}${more})`;
    });
  }

  /** One line for each file or folder that could not be read. */
  faults(): string[] {
    const lines = this.unreadable.map(({ path, message }) => `${printable(path)} can't be read: ${printable(message)}`);
    return this.#more === 0 ? lines : [...lines, `and ${this.#more} more that can't be read`];
  }
}
