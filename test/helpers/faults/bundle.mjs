/** bundle/load, with the faults of a start. */
import { faultAt } from './faults.mjs';

const real = await import(new URL(import.meta.url).searchParams.get('real'));

export async function loadBundle(...args) {
  await faultAt('start');
  return real.loadBundle(...args);
}
