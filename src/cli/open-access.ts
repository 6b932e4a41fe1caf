import { type AuditLog, exposureFault, FileAuditLog, FileKeyStore, Keyring, type KeyStore } from '../access/index.ts';
import { type Config, ConfigError } from '../config/index.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface AccessStores {
  keys: KeyStore;
  audit: AuditLog;
  close(): Promise<void>;
}

/** Where keys and the log of changes are kept. */
export async function openAccessStores(config: Config): Promise<AccessStores> {
  const keys = await FileKeyStore.open(config.dataDir);
  return { keys, audit: await FileAuditLog.open(config.dataDir), close: () => keys.close() };
}

/**
 * The keys, read and watched.
 * @throws ConfigError where the service would answer strangers without having been told to
 */
export async function openAccess(config: Config, logger: Logger): Promise<{ keyring: Keyring; audit: AuditLog }> {
  const { keys, audit } = await openAccessStores(config);
  const log = (level: 'info' | 'warn' | 'error', details: object, message: string) => logger[level](details, message);
  const mode = config.auth as 'auto' | 'keys' | 'off';
  const keyring = new Keyring({ store: keys, mode, log });
  await keyring.start();
  const fault = exposureFault(config.host, mode, keyring);
  if (fault !== undefined) {
    await keyring.stop();
    throw new ConfigError([fault]);
  }
  const active = keyring.list().length;
  if (mode === 'off')
    logger.warn({ host: config.host }, 'CLIPN_AUTH=off: whoever reaches this address may do everything');
  else if (!keyring.required) logger.info('no API keys: whoever is on this machine may do everything');
  else if (active === 0) logger.warn('requests need an API key and there is none: clipn-gate keys create --admin');
  else logger.info({ keys: active }, 'requests need an API key');
  return { keyring, audit };
}
