/**
 * Functions of the built engine process that fail on purpose: the module, which the build makes of many, the function, and the place that
 * ENGINE_FAULTS names.
 */
const FAULTY = [
  [/\/engine\/image-process\/main\.js$/, 'openEngine', "'start'"],
  [/\/engine\/image-process\/lanes\/lane-worker\.js$/, 'decodeImage', 'sha256(args[0])'],
];
const FAULTS = new URL('./faults.mjs', import.meta.url).href;
const withoutQuery = (url = '') => url.split('?')[0];

/** Puts the faults of a place before its function. Lines keep their numbers. */
export async function load(url, context, next) {
  const loaded = await next(url, context);
  const [, name, place] = FAULTY.find(([module]) => module.test(withoutQuery(url))) ?? [];
  if (!name) return loaded;
  const source = String(loaded.source);
  const head = `async function ${name}(`;
  if (!source.includes(head)) throw new Error(`${url} has no function ${name}: the faults of tests have no place`);
  const faulty = `${head}...args) { await faultAt(${place}); return ${name}$real(...args); } async function ${name}$real(`;
  return { ...loaded, source: `import { faultAt, sha256 } from '${FAULTS}'; ${source.replace(head, () => faulty)}` };
}
