import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedUserError } from '../errors/user-error.ts';
import { writeDurably } from './durable.ts';

/**
 * Version of what the data directory contains. It is raised when a program that does not know a change must not work on the
 * directory: a field that restricts something, another meaning, another place. A field that may be ignored does not raise it.
 */
export const FORMAT = 1;
const FILE = 'format.json';

/** A newer program made the data directory, or its format cannot be read. */
export class FormatError extends CodedUserError {
  override readonly name = 'FormatError';
  readonly code = 'data_format_unsupported';
}

/**
 * Refuses a directory of a newer format, and changes nothing. Directories from before format.json have version 1.
 * @returns the version found; undefined where the directory names none
 * @throws FormatError
 */
export async function checkFormat(dir: string): Promise<number | undefined> {
  const path = join(dir, FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const version = versionIn(text);
  if (version === undefined) {
    throw new FormatError(`${path} does not name the version of the data directory. Restore it from a backup.`);
  }
  if (version > FORMAT) {
    throw new FormatError(
      `The data directory ${dir} has format ${version} (${path}). This program supports formats up to ${FORMAT}. ` +
        'Start the program that made it, or a newer one. Nothing was changed.',
    );
  }
  return version;
}

/** Writes the version into a directory that names none. @throws FormatError */
export async function markFormat(dir: string): Promise<void> {
  if ((await checkFormat(dir)) === undefined) {
    await writeDurably(join(dir, FILE), `${JSON.stringify({ version: FORMAT })}\n`);
  }
}

function versionIn(text: string): number | undefined {
  try {
    const { version } = JSON.parse(text) as { version?: unknown };
    return Number.isInteger(version) && (version as number) >= 1 ? (version as number) : undefined;
  } catch {
    return undefined;
  }
}
