import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usage } from './usage.ts';

/** Memory of a process, bytes; the heaps and arrays of all its threads together. */
export interface MemoryParts {
  resident: number;
  /** Objects in the heaps of V8, with garbage that is not collected yet. */
  heap: number;
  /** Memory that V8 has taken for these heaps, in use or not. */
  heapTaken: number;
  /** Buffers and typed arrays, which are outside the heaps. */
  arrays: number;
}

interface Written {
  heapUsed: number;
  heapTotal: number;
  external: number;
}

/** The environment for `withService`; `of` reads the memory of one of its processes, at most a second old, and `remove` removes the files. */
export function memoryParts() {
  const folder = mkdtempSync(join(tmpdir(), 'clipn-gate-bench-memory-'));
  const module = new URL('./memory-parts.mjs', import.meta.url).href;
  return {
    env: { NODE_OPTIONS: `--import ${module}`, MEMORY_PARTS: folder },
    of(pid: number): MemoryParts {
      const threads = readdirSync(folder)
        .filter((name) => name.startsWith(`${pid}-`) && name.endsWith('.json'))
        .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Written);
      const sum = (of: (thread: Written) => number) => threads.reduce((total, thread) => total + of(thread), 0);
      return {
        resident: usage(pid).rss,
        heap: sum((t) => t.heapUsed),
        heapTaken: sum((t) => t.heapTotal),
        arrays: sum((t) => t.external),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
