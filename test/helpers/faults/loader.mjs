/** Modules of the engine process whose imports fail: the one that starts it, and the thread of a lane, which decodes. */
const ENGINE = /\/engine\/image-process\/(open-engine|lanes\/lane-worker)\.[jt]s$/;
/** Modules of the program that fail on purpose, and what stands in for each. */
const STAND_INS = [
  [/\/images\/decode\.[jt]s$/, './decoder.mjs'],
  [/\/bundle\/load\.[jt]s$/, './bundle.mjs'],
];
const withoutQuery = (url = '') => url.split('?')[0];

/** The engine process gets the stand-in, with the real module inside. */
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  if (!ENGINE.test(withoutQuery(context.parentURL))) return found;
  const [, standIn] = STAND_INS.find(([real]) => real.test(withoutQuery(found.url))) ?? [];
  if (!standIn) return found;
  const url = new URL(standIn, import.meta.url);
  url.searchParams.set('real', found.url);
  return { url: url.href, format: 'module', shortCircuit: true };
}
