/** Locks the directory in argv[2] and prints `locked`, or prints the error. Ends on SIGTERM; started by directory-lock.test.ts. */
import { lockDirectory } from '../../src/storage/directory-lock.ts';

try {
  const lock = await lockDirectory(process.argv[2] as string, (notice) => console.log(`notice: ${notice}`));
  process.on('SIGTERM', () => void lock.release().then(() => process.exit(0)));
  console.log('locked');
  setInterval(() => {}, 60_000);
} catch (error) {
  console.log(`refused: ${(error as Error).message}`);
}
