import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CodedUserError } from '../errors/user-error.ts';
import { type Asking, bootOf, type Holder, judge, look, type Seen, socketPath } from './lock-holder.ts';

const RECORD = /^\.lock\.(\d{1,9})\.json$/;
const BEAT_MS = 3000;
const ATTEMPTS = 20;

/** Another process works on the directory. */
export class DirectoryLockedError extends CodedUserError {
  override readonly name = 'DirectoryLockedError';
  readonly code = 'data_directory_locked';

  constructor(dir: string, holder: Holder | undefined) {
    const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : 'another process';
    super(
      `The data directory ${dir} is in use by ${who}. Two services must not share one. ` +
        'Stop the other, or set CLIPN_DATA_DIR to another directory.',
    );
  }
}

export interface DirectoryLock {
  release(): Promise<void>;
}

interface Claim extends Asking {
  onNotice: (text: string) => void;
}

/** Records that were seen, with their content. */
type Records = Map<string, Seen | undefined>;

/**
 * Locks a directory until `release` or the end of the process. A holder has a record in the directory and listens on a socket
 * beside it. The system closes the socket when the process ends in any way, and a stopped process keeps it. Process numbers differ
 * between containers, and times do not distinguish a stopped holder from one that has ended. The time of the record, which the
 * holder renews, decides only if the socket cannot be reached (another machine, another mount, no sockets).
 *
 * Records are numbered and made exclusively. A process makes the next one where all that it sees are of ended processes, then
 * looks again. Of two processes the later one sees the record of the earlier, so they never both hold. No process removes a record
 * before it holds the lock.
 * @throws DirectoryLockedError
 */
export async function lockDirectory(dir: string, onNotice: (text: string) => void): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true });
  const handle = await open(dir, 'r');
  const server = createServer((socket) => socket.destroy());
  const socket = await listen(server, dir, handle.fd, onNotice);
  const self: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    boot: await bootOf(),
    device: String((await stat(dir, { bigint: true })).dev),
    socket,
  };
  let leave = async () => {};
  const release = async () => {
    await leave();
    if (socket !== null) await rm(join(dir, socket), { force: true });
    server.close();
    await handle.close();
  };
  const onWait = (holder: Holder | undefined) =>
    onNotice(
      `the data directory was in use by process ${holder?.pid} on ${holder?.host}; waiting to see whether it still is`,
    );
  try {
    leave = await claim({ dir, fd: handle.fd, self, onWait, onNotice });
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** Makes the record of `self` in place of those of ended processes. @returns how to remove it */
async function claim(asking: Claim): Promise<() => Promise<void>> {
  const { dir, onNotice } = asking;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const ended = await refuseAlive(asking, new Map());
    const number = Math.max(0, ...[...ended.keys()].map((name) => Number(RECORD.exec(name)?.[1]))) + 1;
    const name = `.lock.${number}.json`;
    let made: boolean;
    try {
      made = await create(join(dir, name), `${JSON.stringify(asking.self)}\n`);
    } catch (error) {
      // stored tenants serve on a full disk too
      if (!/^(ENOSPC|EDQUOT)$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
      onNotice(`the data directory cannot be locked (${error})`);
      return async () => {};
    }
    if (!made) continue;
    const stop = beat(join(dir, name), onNotice);
    const leave = async () => {
      stop();
      await rm(join(dir, name), { force: true });
    };
    try {
      const before = await refuseAlive(asking, ended, name);
      for (const [other, seen] of before) await discard(dir, other, seen);
      return leave;
    } catch (error) {
      await leave();
      throw error;
    }
  }
  throw new DirectoryLockedError(dir, undefined);
}

/**
 * Judges all records but `own` and those that are `ended` already.
 * @returns all that were found, of ended processes
 * @throws DirectoryLockedError
 */
async function refuseAlive(asking: Asking, ended: Records, own?: string): Promise<Records> {
  const { dir } = asking;
  const names = (await readdir(dir)).filter((name) => RECORD.test(name) && name !== own);
  const found: Records = new Map();
  await Promise.all(
    names.map(async (name) => {
      const known = ended.get(name);
      // a name is used again, but no text is
      if (known && known.text !== '' && (await look(join(dir, name)))?.text === known.text) {
        found.set(name, known);
        return;
      }
      const { alive, last } = await judge(name, asking);
      if (alive) throw new DirectoryLockedError(dir, last?.holder);
      found.set(name, last);
    }),
  );
  return found;
}

async function discard(dir: string, name: string, seen: Seen | undefined): Promise<void> {
  // files of another user may have to stay, which does no harm
  if (seen?.holder?.socket) await rm(join(dir, seen.holder.socket), { force: true }).catch(() => {});
  await rm(join(dir, name), { force: true }).catch(() => {});
}

/** Writes a new file; false where there is one. */
async function create(path: string, text: string): Promise<boolean> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(text);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

/** Renews the time of the record at an interval. @returns a function that ends this */
function beat(path: string, onNotice: (text: string) => void): () => void {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || stopped) return;
      stop();
      onNotice(`the lock of the data directory is lost, because ${path} was removed; another process may work on it`);
    });
  }, BEAT_MS);
  timer.unref();
  let stopped = false;
  const stop = () => {
    stopped = true;
    clearInterval(timer);
  };
  return stop;
}

/** Makes the socket. Every user may connect, so that other users recognise that a holder has ended. @returns its name */
async function listen(
  server: Server,
  dir: string,
  fd: number,
  onNotice: (text: string) => void,
): Promise<string | null> {
  const name = `.lock.${randomBytes(8).toString('hex')}.sock`;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: socketPath(dir, fd, name), readableAll: true, writableAll: true }, resolve);
    });
  } catch (error) {
    onNotice(`the data directory is locked by the time of a file, because its file system has no sockets (${error})`);
    return null;
  }
  server.removeAllListeners('error');
  server.unref();
  return name;
}
