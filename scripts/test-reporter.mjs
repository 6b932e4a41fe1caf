// The reporter `spec` of Node.js with the places of the sources. Tests run from a bundle (scripts/run-tests.mjs), and `--enable-source-maps`, which
// gives the same places, takes a fifth of the processor time of a test of the HTTP application: Node.js then searches each function that
// Fastify generates for a source map.

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';

const ROOT = join(import.meta.dirname, '..');
/** A place in the bundle: file, line and column. */
const PLACE = /(?:file:\/\/)?([^\s:()'"]*\bbuild\/test-\w+\/[^\s:()'"]+\.js):(\d+):(\d+)/g;

const maps = new Map();
function mapOf(file) {
  if (!maps.has(file)) maps.set(file, new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))));
  return maps.get(file);
}

/** @returns the place in a source, relative to the checkout; the place as it is if nothing is known about it */
function origin(place, file, line, column) {
  try {
    const at = resolve(ROOT, file);
    const { fileName, lineNumber, columnNumber } = mapOf(at).findOrigin(Number(line), Number(column));
    return `${relative(ROOT, resolve(dirname(at), fileName))}:${lineNumber}:${columnNumber}`;
  } catch {
    return place;
  }
}

export default async function* places(events) {
  for await (const text of Readable.from(events).pipe(new spec())) yield String(text).replace(PLACE, origin);
}
