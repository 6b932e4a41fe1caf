import { existsSync } from 'node:fs';

/** The program runs from its TypeScript sources (tests), not from the build. */
const FROM_SOURCES = import.meta.url.endsWith('.ts');

/** Folder of the installed package. The build moves modules into shared files, so nothing may rely on its own place below this folder. */
export const PACKAGE = packageAbove(new URL('.', import.meta.url));

function packageAbove(folder: URL): URL {
  if (existsSync(new URL('package.json', folder))) return folder;
  const above = new URL('..', folder);
  if (above.href === folder.href) throw new Error(`no package.json above ${import.meta.url}`);
  return packageAbove(above);
}

/** A module that a process or a thread of its own begins with, by its path below src/ and without its ending. */
export const entryModule = (name: string): URL => new URL(FROM_SOURCES ? `src/${name}.ts` : `dist/${name}.js`, PACKAGE);

/** The same for a thread, which does not have the loader of TypeScript with which a process begins. */
export function threadModule(name: string): URL {
  const module = entryModule(name);
  if (!FROM_SOURCES) return module;
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const program = `import { register } from ${loader}; register(); await import(${JSON.stringify(module.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}
