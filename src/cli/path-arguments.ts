import { readFileSync } from 'node:fs';
import { textOfPath } from '../storage/path-text.ts';

/** Node.js replaces the bytes of an argument that are not UTF-8 by this character. */
const REPLACED = '\ufffd';

/**
 * Paths as they were typed: an argument that lost bytes is looked up in /proc/self/cmdline, where there is one, and returned in the
 * form of storage/path-text.ts. So `detect *.jpg` opens files of any name.
 */
export function pathArguments(given: readonly string[]): string[] {
  if (!given.some((argument) => argument.includes(REPLACED))) return [...given];
  const originals = new Map<string, Buffer[]>();
  for (const bytes of commandLine()) {
    const text = bytes.toString('utf8');
    originals.set(text, [...(originals.get(text) ?? []), bytes]);
  }
  return given.map((argument) => {
    // two names that lose different bytes look alike: the order of the arguments distinguishes them
    const bytes = originals.get(argument)?.shift();
    return bytes === undefined ? argument : textOfPath(bytes);
  });
}

function commandLine(): Buffer[] {
  try {
    const all = readFileSync('/proc/self/cmdline', 'latin1');
    return all.split('\0').map((argument) => Buffer.from(argument, 'latin1'));
  } catch {
    return [];
  }
}
