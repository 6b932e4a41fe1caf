/**
 * `npm run bench [-- service | text]`: figures that depend on the machine, beside what they should be compared with, in one run.
 * They are printed, not asserted: two busy cores are no judge.
 */
const benches: Record<string, () => Promise<unknown>> = {
  service: () => import('./service.ts'),
  text: () => import('./text.ts'),
};
const [name = 'service'] = process.argv.slice(2);
const bench = benches[name];
if (!bench) {
  console.error(`There is no bench "${name}"; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
await bench();
