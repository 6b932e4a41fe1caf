import { access, constants, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { UserError } from '../errors/user-error.ts';
import { type DirectoryLock, lockDirectory } from '../storage/directory-lock.ts';
import { markFormat } from '../storage/format.ts';

/** The data directory cannot be made or written. */
export class DataDirectoryError extends UserError {
  override readonly name = 'DataDirectoryError';
}

/** The user of this process for a message; in containers it often has a number only. */
function user(): string {
  try {
    const { username, uid } = userInfo();
    return `${username} (${uid})`;
  } catch {
    return String(process.getuid?.());
  }
}

/** Makes the data directory and checks that it can be written. @throws DataDirectoryError */
export async function checkDataDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new DataDirectoryError(
      `The data directory ${dir} cannot be written by the user ${user()}: ${(error as NodeJS.ErrnoException).code}. ` +
        'Give the user write access to it, or choose another one with --data-dir (CLIPN_DATA_DIR).',
    );
  }
}

/**
 * Opens the data directory for a service: no other service may work on it until `release`, and its format must be known.
 * @throws DataDirectoryError, DirectoryLockedError or FormatError
 */
export async function openDataDirectory(dir: string, onNotice: (text: string) => void): Promise<DirectoryLock> {
  await checkDataDirectory(dir);
  const lock = await lockDirectory(dir, onNotice);
  try {
    await markFormat(dir);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}
