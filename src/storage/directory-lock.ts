import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors/user-error.ts';

const SOCKET = '.lock';
const HOLDER = '.lock.json';
const BEAT_MS = 3000;
/** A holder on another host is given up when its file has not changed for this long. */
const SILENT_MS = 4 * BEAT_MS;
/** Time in which a process that has moved a live lock aside puts it back. */
const SETTLE_MS = 30;
/** Paths of sockets have at most 107 bytes on Linux, 103 elsewhere. */
const LONGEST_PATH = 100;
const ATTEMPTS = 20;
/** Codes of file systems without sockets or hard links. */
const UNSUPPORTED = /^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EXDEV|EMLINK)$/;

interface Holder {
  pid: number;
  host: string;
  since: string;
}

/** Another process works on the directory. */
export class DirectoryLockedError extends UserError {
  override readonly name = 'DirectoryLockedError';
  readonly code = 'data_directory_locked';

  get exitCode(): 1 | 2 {
    return 1;
  }

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

/**
 * Locks a directory until `release` or the end of the process. The lock is a listening socket in the directory: the system ends
 * it with its process, however that ends, and a process that is only stopped keeps it. Process numbers say nothing between
 * containers, and the times of lock files cannot tell a stopped holder from one that is gone. Only for a holder on another host,
 * whose socket cannot be reached, the time of its file decides.
 * @throws DirectoryLockedError
 */
export async function lockDirectory(dir: string, onNotice: (text: string) => void): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true });
  const handle = await open(dir, 'r');
  // a short name for directories with a long path
  const base = join(dir, SOCKET).length + 20 > LONGEST_PATH ? `/proc/self/fd/${handle.fd}` : dir;
  const server = createServer((socket) => socket.destroy());
  try {
    await refuseOtherHost(dir, base, onNotice);
    await claim(dir, base, server, onNotice);
  } catch (error) {
    server.close();
    await handle.close();
    throw error;
  }
  server.unref();
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  await writeFile(join(dir, HOLDER), `${JSON.stringify(holder)}\n`);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(join(dir, HOLDER), now, now).catch(() => {});
  }, BEAT_MS);
  beat.unref();
  return {
    release: async () => {
      clearInterval(beat);
      if (server.listening) await rm(join(dir, SOCKET), { force: true });
      await rm(join(dir, HOLDER), { force: true });
      server.close();
      await handle.close();
    },
  };
}

/** Makes `server` the lock, in place of one whose process is gone. */
async function claim(dir: string, base: string, server: Server, onNotice: (text: string) => void): Promise<void> {
  const name = `${SOCKET}.${randomBytes(4).toString('hex')}`;
  const own = join(dir, name);
  try {
    await listen(server, `${base}/${name}`);
    await linkAsLock(dir, base, own);
    await sleep(SETTLE_MS);
    const [lock, mine] = await Promise.all([stat(join(dir, SOCKET)), stat(own)]);
    if (lock.ino !== mine.ino) throw new DirectoryLockedError(dir, await holderOf(dir));
  } catch (error) {
    if (!UNSUPPORTED.test(String((error as NodeJS.ErrnoException).code))) throw error;
    onNotice(`the data directory cannot be locked, because its file system has no sockets or links (${error})`);
  } finally {
    await rm(own, { force: true });
  }
}

async function linkAsLock(dir: string, base: string, own: string): Promise<void> {
  const lock = join(dir, SOCKET);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await link(own, lock);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await answers(`${base}/${SOCKET}`)) throw new DirectoryLockedError(dir, await holderOf(dir));
    const aside = `${SOCKET}.${randomBytes(4).toString('hex')}`;
    try {
      await rename(lock, join(dir, aside));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    // another process may have replaced the stale lock by its own between the question and the renaming
    if (await answers(`${base}/${aside}`)) {
      await rename(join(dir, aside), lock);
      throw new DirectoryLockedError(dir, await holderOf(dir));
    }
    await rm(join(dir, aside), { force: true });
  }
  throw new DirectoryLockedError(dir, await holderOf(dir));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether a process listens on the socket. A stopped one does, and so does one of another user. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ENOTSOCK');
    });
  });
}

async function holderOf(dir: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(join(dir, HOLDER), 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Waits to see whether a holder on another host lives. Ages are by the clock of the file system. */
async function refuseOtherHost(dir: string, base: string, onNotice: (text: string) => void): Promise<void> {
  const holder = await holderOf(dir);
  if (holder === undefined || holder.host === hostname()) return;
  if (await answers(`${base}/${SOCKET}`)) throw new DirectoryLockedError(dir, holder);
  const path = join(dir, HOLDER);
  const { mtimeMs } = await stat(path);
  const age = (await timeOf(dir)) - mtimeMs;
  if (age > SILENT_MS) return;
  onNotice(
    `the data directory was in use by process ${holder.pid} on ${holder.host}; waiting to see whether it still is`,
  );
  const end = performance.now() + SILENT_MS - Math.max(0, age);
  while (performance.now() < end) {
    await sleep(200);
    const now = await stat(path).catch(() => undefined);
    if (now === undefined) return;
    if (now.mtimeMs !== mtimeMs) throw new DirectoryLockedError(dir, await holderOf(dir));
  }
}

/** Milliseconds since 1970 by the file system's clock. */
async function timeOf(dir: string): Promise<number> {
  const path = join(dir, `${SOCKET}.${randomBytes(4).toString('hex')}`);
  await writeFile(path, '');
  try {
    return (await stat(path)).mtimeMs;
  } finally {
    await rm(path, { force: true });
  }
}
