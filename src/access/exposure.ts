import { isIP } from 'node:net';
import type { AuthMode } from './keyring.ts';

/** Whether only this machine can reach the address: a loopback address, or a socket in the file system (`unix:/path`). Names other than localhost are not resolved: they count as public. */
export function isLoopback(host: string): boolean {
  if (host.startsWith('unix:')) return true;
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/** The reason why the service must not listen on `host`, as a text for the operator; undefined where it may. */
export function exposureFault(host: string, mode: AuthMode, keys: { required: boolean }): string | undefined {
  if (mode !== 'auto' || isLoopback(host) || keys.required) return undefined;
  return [
    `${host} can be reached from other machines, and there is no API key. Choose one of:`,
    '      create one:                                     clipn-gate keys create --admin --name first   (with the same CLIPN_DATA_DIR or CLIPN_STORE)',
    '      or refuse every request until there is one:  CLIPN_AUTH=keys',
    '      or open it, if something else protects it:   CLIPN_AUTH=off',
    '      or serve this machine only:                  CLIPN_HOST=127.0.0.1',
  ].join('\n');
}
