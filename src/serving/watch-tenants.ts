import { resolve } from 'node:path';
import type { AuditLog } from '../access/index.ts';
import type { Config } from '../config/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { WatchedDirectory } from '../tenants/files/watched-directory.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

/** Watches the configured directory of tenant files; its changes go to the audit log like those of the API. */
export function watchTenants(
  { tenantsDir }: Config,
  registry: TenantRegistry,
  audit: AuditLog,
  logger: Logger,
): WatchedDirectory | undefined {
  if (tenantsDir === '') return undefined;
  return new WatchedDirectory({
    directory: resolve(tenantsDir),
    registry,
    log: (level, message, details) => logger[level](details, message),
    recorded: (action, target, file) => (versions) =>
      audit.append({
        at: new Date().toISOString(),
        actor: { kind: 'service', id: file, name: 'watched directory' },
        action,
        target,
        ...versions,
        request_id: null,
      }),
  });
}
