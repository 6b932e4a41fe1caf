import { readFile } from 'node:fs/promises';
import { classNameFault, templateFault } from '../clipn/index.ts';
import { EvaluationError, type EvaluationErrorCode } from './errors.ts';
import { synsetsOf } from './synsets.ts';

/** Lines of a text file, of any line ending, without a byte order mark and without empty lines at the end. */
async function linesOf(file: string, unreadable: EvaluationErrorCode): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new EvaluationError(unreadable, `${file} can't be read: ${(cause as Error).message}`, cause);
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}

/** The default class name of a folder: datasets have underscores instead of blanks. */
export function nameOfFolder(folder: string): string {
  return folder.replaceAll('_', ' ').trim();
}

function checked(names: string[], where: string): string[] {
  for (const name of names) {
    const fault = classNameFault(name);
    if (fault) throw new EvaluationError('classes_invalid', `${where}: ${fault}.`);
  }
  return names;
}

/**
 * Class names of the folders, in their order.
 * @param file one name per line in the order of the folders; or lines `folder<TAB>name` in any order, one for every folder; or ImageNet's
 * LOC_synset_mapping.txt, of which the first synonym counts, and which may have lines for folders that are not there
 * @throws EvaluationError classes_unreadable, classes_invalid, classes_count, classes_unknown_folder, classes_missing_folder,
 * classes_repeated_folder
 */
export async function classNames(folders: string[], file?: string): Promise<string[]> {
  if (file === undefined) return checked(folders.map(nameOfFolder), "A class folder can't be named");
  const lines = await linesOf(file, 'classes_unreadable');
  const synsets = synsetsOf(lines);
  if (synsets) return checked(ofFolders(folders, synsets, file), file);
  const mapped = lines.filter((l) => l.includes('\t')).length;
  if (mapped === 0) {
    if (lines.length !== folders.length) {
      throw new EvaluationError(
        'classes_count',
        `${file} has ${lines.length} lines for ${folders.length} class folders. It needs one name per folder, in sorted order (the first is "${folders[0]}"), or lines of folder, tab, name.`,
      );
    }
    return checked(
      lines.map((l) => l.trim()),
      file,
    );
  }
  const plain = lines.findIndex((l) => !l.includes('\t'));
  if (plain >= 0) {
    throw new EvaluationError(
      'classes_invalid',
      `${file}: line ${plain + 1} has no tab and others have. Either all lines are names, or all are folder, tab, name.`,
    );
  }
  const names = new Map<string, string>();
  for (const [i, line] of lines.entries()) {
    const [folder, name] = [line.slice(0, line.indexOf('\t')).trim(), line.slice(line.indexOf('\t') + 1).trim()];
    if (!folders.includes(folder)) {
      throw new EvaluationError(
        'classes_unknown_folder',
        `${file}: line ${i + 1} names the folder "${folder}", which does not exist.`,
      );
    }
    if (names.has(folder)) {
      throw new EvaluationError(
        'classes_repeated_folder',
        `${file}: line ${i + 1} names the folder "${folder}" again.`,
      );
    }
    names.set(folder, name);
  }
  return checked(ofFolders(folders, names, file), file);
}

function ofFolders(folders: string[], names: Map<string, string>, file: string): string[] {
  const missing = folders.find((f) => !names.has(f));
  if (missing !== undefined) {
    throw new EvaluationError('classes_missing_folder', `${file} has no line for the folder "${missing}".`);
  }
  return folders.map((f) => names.get(f) as string);
}

/**
 * Class names of an image list, whose classes are numbers: one name per line from number 0, or ImageNet's LOC_synset_mapping.txt, whose
 * classes are numbered in the order of their WordNet ids.
 * @throws EvaluationError classes_unreadable, classes_invalid
 */
export async function classNamesByNumber(file: string): Promise<string[]> {
  const lines = await linesOf(file, 'classes_unreadable');
  const synsets = synsetsOf(lines);
  const sorted = synsets && [...synsets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
  return checked(sorted ?? lines.map((l) => l.trim()), file);
}

/**
 * Prompt templates, one per line, used unchanged, with blanks, quotes and commas.
 * @throws EvaluationError templates_unreadable, templates_invalid
 */
export async function readTemplates(file: string): Promise<string[]> {
  const lines = await linesOf(file, 'templates_unreadable');
  if (lines.length === 0)
    throw new EvaluationError('templates_invalid', `${file} is empty; it needs one template per line.`);
  for (const [i, line] of lines.entries()) {
    const fault = templateFault(line);
    if (fault) throw new EvaluationError('templates_invalid', `${file}: line ${i + 1}: ${fault}.`);
  }
  return lines;
}
