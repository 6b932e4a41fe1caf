import {
  type AuditLog,
  exposureFault,
  FileAuditLog,
  FileKeyStore,
  Keyring,
  type KeyStore,
  PostgresAuditLog,
  PostgresKeyStore,
} from '../access/index.ts';
import { type Config, ConfigError } from '../config/index.ts';
import { checkFormat } from '../storage/format.ts';
import type { Database } from '../storage/postgres/database.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface AccessStores {
  keys: KeyStore;
  audit: AuditLog;
}

/** Opens the stores of keys and of the audit log, beside the tenants. */
export async function openAccessStores(config: Config, database: Database | undefined): Promise<AccessStores> {
  if (database) return { keys: new PostgresKeyStore(database), audit: new PostgresAuditLog(database) };
  await checkFormat(config.dataDir);
  return { keys: await FileKeyStore.open(config.dataDir), audit: await FileAuditLog.open(config.dataDir) };
}

/**
 * Opens the keys and watches them for changes.
 * @throws ConfigError where the service would be open to other machines without an explicit setting
 */
export async function openAccess(
  config: Config,
  database: Database | undefined,
  logger: Logger,
): Promise<{ keyring: Keyring; audit: AuditLog }> {
  const { keys, audit } = await openAccessStores(config, database);
  const log = (level: 'info' | 'warn' | 'error', details: object, message: string) => logger[level](details, message);
  const mode = config.auth as 'auto' | 'keys' | 'off';
  const keyring = new Keyring({ store: keys, mode, log });
  await keyring.start();
  const fault = exposureFault(config.host, mode, keyring);
  if (fault !== undefined) {
    await keyring.stop();
    throw new ConfigError([fault]);
  }
  const { length } = keyring.list();
  if (mode === 'off')
    logger.warn({ host: config.host }, 'CLIPN_AUTH=off: every client that reaches this address has full access');
  else if (!keyring.required && config.trustProxy)
    logger.warn('no API keys: every client that passes the proxy has full access (CLIPN_AUTH=keys requires keys)');
  else if (!keyring.required) logger.info('no API keys: every user of this machine has full access');
  else if (length === 0)
    logger.warn('requests need an API key, and none exists: clipn-gate keys create --admin --name first');
  else logger.info({ keys: length }, 'requests need an API key');
  return { keyring, audit };
}
