/** Puts records as fast as it can until it is killed, and says the key of each on standard output once it is acknowledged. */
import { FileRecords } from '../../src/storage/records/file-records.ts';

const [dir = '', round = ''] = process.argv.slice(2);
const store = await FileRecords.open(dir, 'notes');

await Promise.all(
  [0, 1, 2].map(async (worker) => {
    for (let i = 0; ; i++) {
      const key = `${round}-${worker}-${i}`;
      await store.put('zoo', [{ key }]);
      process.stdout.write(`${key}\n`);
    }
  }),
);
