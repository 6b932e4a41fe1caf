import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { UserError } from '../../errors/user-error.ts';
import { listenOn } from '../../serving/all-addresses.ts';

/** The address cannot be listened on, for a reason that the operator can change. */
export class ListenError extends UserError {
  override readonly name = 'ListenError';
}

const UNIX = 'unix:';

/** Texts by the code of the system's error. */
const REASONS: Record<string, (host: string, port: number, setting: string) => string> = {
  EADDRINUSE: (host, port, setting) =>
    host.startsWith(UNIX)
      ? `Another process listens on ${host}. Stop it, or choose another path with --host (CLIPN_HOST).`
      : `Port ${port} is in use on ${host}. Stop the other process, or choose another port with ${setting}; 0 takes a free one.`,
  EACCES: (host, port) => `This user may not listen on ${host} port ${port}. Choose another with --host and --port.`,
  EADDRNOTAVAIL: (host) => `${host} is not an address of this machine. Choose another with --host (CLIPN_HOST).`,
  ENOTFOUND: (host) => `The host name ${host} is unknown. Choose another with --host (CLIPN_HOST).`,
  EAI_AGAIN: (host) => `The host name ${host} is unknown. Choose another with --host (CLIPN_HOST).`,
  ENOENT: (host) => `The folder of ${host} does not exist. Choose another path with --host (CLIPN_HOST).`,
};

type Listen = (options: { host: string; port: number } | { path: string }) => Promise<string>;

/**
 * Listens where the settings say: an address or a name, IPv6 also in brackets, or a socket as `unix:/path`. Returns the address for clients.
 * @param setting of the port, for the message of an error
 * @throws ListenError
 */
export async function listen(
  host: string,
  port: number,
  start: Listen,
  setting = '--port (CLIPN_PORT)',
): Promise<string> {
  try {
    if (host.startsWith(UNIX)) {
      const path = host.slice(UNIX.length);
      await removeAbandoned(path);
      await start({ path });
      return host;
    }
    return await listenOn(host, (bare) => start({ host: bare, port }));
  } catch (error) {
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason ? new ListenError(reason(host, port, setting)) : error;
  }
}

/** Removes the socket that a process left behind when it was killed. One that a process answers on is kept. */
async function removeAbandoned(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isSocket()) return;
  const connection = createConnection(path);
  try {
    await once(connection, 'connect');
  } catch {
    await rm(path, { force: true });
  } finally {
    connection.destroy();
  }
}
