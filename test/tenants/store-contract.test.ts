import { describe } from 'node:test';
import { FileStore } from '../../src/tenants/file-store.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { storeContract } from '../helpers/store-contract.ts';

describe('tenants in a directory: what every store must do', () => {
  storeContract({
    shared: false,
    place: async (t) => {
      const dir = await temporaryDirectory(t);
      return {
        open: () =>
          FileStore.open(dir, {
            onDamaged: (file, reason) => {
              throw new Error(`${file}: ${reason}`);
            },
          }),
      };
    },
  });
});
