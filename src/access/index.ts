/** Access control: API keys, scopes, limits, and the log of changes. */

export { idIn, KEY_ANYWHERE, prefixOf } from './api-key.ts';
export { type Actor, AuditEntry, type AuditLog } from './audit.ts';
export { exposureFault, isLoopback } from './exposure.ts';
export { FileAuditLog } from './file-audit-log.ts';
export { FileKeyStore } from './file-key-store.ts';
export { KeyLimits, KeyName, KeyRecord, type KeyState, MAX_SCOPES, Scopes, stateOf } from './key-record.ts';
export type { KeyStore } from './key-store.ts';
export { type AuthMode, Keyring, type KeyWish } from './keyring.ts';
export { type DefaultLimits, type LimitedTenant, Limiter } from './limiter.ts';
export { ACCESS_MIGRATIONS } from './migrations.ts';
export { PostgresAuditLog } from './postgres-audit-log.ts';
export { PostgresKeyStore } from './postgres-key-store.ts';
export { EVERYBODY, NOBODY, type Principal } from './principal.ts';
export { type CountedTenant, Quotas } from './quotas.ts';
export type { Need } from './scopes.ts';
