import { isIP } from 'node:net';
import type { AuthMode } from './keyring.ts';

/** Whether only this machine can reach the address. Names other than localhost are not looked up: they count as open to all. */
export function isLoopback(host: string): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/** Why the service must not listen there, in words that help; undefined where it may. */
export function exposureFault(host: string, mode: AuthMode, keys: { required: boolean }): string | undefined {
  if (mode !== 'auto' || isLoopback(host) || keys.required) return undefined;
  return [
    `${host} can be reached from other machines, and there is no API key:`,
    '      make one:                                     clipn-gate keys create --admin --name first   (with the same CLIPN_DATA_DIR or CLIPN_STORE)',
    '      or start, answering nobody until there is:   CLIPN_AUTH=keys',
    '      or let everybody in, if something guards it: CLIPN_AUTH=off',
    '      or stay on this machine:                     CLIPN_HOST=127.0.0.1',
  ].join('\n');
}
