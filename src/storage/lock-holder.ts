import { open, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { POLL_MS } from '../polling.ts';
import { validatorOf } from '../validator.ts';

/** A holder whose socket cannot be reached from here counts as ended when its record has not changed for this long. */
const SILENT_MS = 12_000;
/** The holder of a record older than this counts as ended at once. Clocks of two machines differ by less. */
const ANCIENT_MS = 10 * 60_000;
/** Paths of sockets have at most 107 bytes on Linux, 103 elsewhere. */
const LONGEST_PATH = 100;

/** The process that holds or wants a lock, as its record names it. */
export const Holder = Type.Object({
  pid: Type.Integer(),
  host: Type.String(),
  since: Type.String(),
  /** Identity of the running kernel; null where the system reports none. Containers of one machine have the same. */
  boot: Type.Union([Type.String(), Type.Null()]),
  /** Number of the mounted file system. Two mounts of one network file system have different ones, and share no sockets. */
  device: Type.String(),
  /** Name of the socket in the directory; null on file systems without sockets. */
  socket: Type.Union([Type.String({ pattern: '^\\.lock\\.[0-9a-f]+\\.sock$' }), Type.Null()]),
});
export type Holder = Static<typeof Holder>;

const valid = validatorOf(Holder);

/** A record as it is now. The text differs between any two holders. */
export interface Seen {
  text: string;
  /** Undefined while it is being written, and where it is damaged. */
  holder: Holder | undefined;
  mtimeMs: number;
}

/** Reads a record; undefined if it does not exist any more. It is opened, because network file systems answer `stat` from memory. */
export async function look(path: string): Promise<Seen | undefined> {
  try {
    const file = await open(path);
    try {
      const { mtimeMs } = await file.stat();
      const text = await file.readFile('utf8');
      return { text, holder: holderIn(text), mtimeMs };
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // a record of another user
    if (code === 'EACCES') return { text: '', holder: undefined, mtimeMs: (await stat(path)).mtimeMs };
    throw error;
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return valid(value) ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Identity of the running kernel. */
export async function bootOf(): Promise<string | null> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return null;
  }
}

/** Path under which a socket in `dir`, which is open as `fd`, can be made and reached: a short one where `dir` is long. */
export function socketPath(dir: string, fd: number, name: string): string {
  const path = join(dir, name);
  return path.length > LONGEST_PATH ? `/proc/self/fd/${fd}/${name}` : path;
}

export interface Asking {
  dir: string;
  /** Descriptor of the open directory. */
  fd: number;
  self: Holder;
  /** Called once before a wait. */
  onWait: (holder: Holder | undefined) => void;
}

/** The facts that are known about the process of a record. */
export interface HolderState {
  alive: boolean;
  last: Seen | undefined;
}

/**
 * Whether the process of a record runs. Its socket shows that at once. If the socket cannot be reached, the time of the record
 * must change while it is watched; times are not compared with a clock, because clocks of machines differ.
 */
export async function judge(name: string, { dir, fd, self, onWait }: Asking): Promise<HolderState> {
  const end = performance.now() + SILENT_MS;
  let first: Seen | undefined;
  for (;;) {
    const seen = await look(join(dir, name));
    if (seen === undefined) return { alive: false, last: first };
    const { holder } = seen;
    if (holder && holder.socket !== null && reaches(holder, self)) {
      return { alive: await answers(socketPath(dir, fd, holder.socket)), last: seen };
    }
    if (first === undefined) {
      first = seen;
      if (Date.now() - seen.mtimeMs > ANCIENT_MS) return { alive: false, last: seen };
      if (holder) onWait(holder);
    } else if (seen.text !== first.text) {
      // it was being written
      first = seen;
    } else if (seen.mtimeMs !== first.mtimeMs) return { alive: true, last: seen };
    if (performance.now() > end) return { alive: false, last: seen };
    await sleep(POLL_MS.lockRecord);
  }
}

/** Whether a socket of `other` can be reached: sockets in files belong to one kernel and one mounted file system. */
function reaches(other: Holder, self: Holder): boolean {
  if (other.boot !== self.boot || other.device !== self.device) return false;
  return self.boot !== null || other.host === self.host;
}

/** Whether a process listens on the socket. A stopped one does. */
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
