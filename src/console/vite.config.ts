import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const OUT = join(import.meta.dirname, '../../dist/console');
const SAMPLES = join(import.meta.dirname, '../../samples');

/** Writes the brotli and gzip form of every file, compressed once at the highest level instead of for every request. */
const precompress: Plugin = {
  name: 'precompress',
  apply: 'build',
  closeBundle() {
    const files = readdirSync(OUT, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      const bytes = readFileSync(path);
      writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
};

/** Copies the sample photographs as they are: JPEG does not become smaller by compression. */
const samples: Plugin = {
  name: 'samples',
  apply: 'build',
  closeBundle() {
    cpSync(SAMPLES, join(OUT, 'samples'), { recursive: true, filter: (path) => !path.endsWith('.md') });
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // relative addresses, so that the page works behind any path prefix of a proxy
  base: './',
  build: {
    outDir: OUT,
    emptyOutDir: true,
    // a data: URL would need an exception in the content security policy
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    reportCompressedSize: false,
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  logLevel: 'warn',
  plugins: [precompress, samples],
});
