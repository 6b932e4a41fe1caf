import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { KeyLimits } from '../../access/index.ts';
import { defined } from '../../defined.ts';
import { configFrom, withSettings } from '../settings.ts';

const SETTINGS = ['CLIPN_DATA_DIR', 'CLIPN_STORE'];

interface CreateOptions {
  name: string;
  admin?: boolean;
  metrics?: boolean;
  detect?: string[];
  manage?: string[];
  review?: string[];
  expires?: string;
  imagesPerSecond?: number;
  concurrentRequests?: number;
  maxTenants?: number;
  maxClasses?: number;
  json?: boolean;
}

function scopesOf({ admin, metrics, detect = [], manage = [], review = [] }: CreateOptions): string[] {
  return [
    ...(admin ? ['admin'] : []),
    ...(metrics ? ['metrics'] : []),
    ...detect.map((tenant) => `detect:${tenant}`),
    ...manage.map((tenant) => `manage:${tenant}`),
    ...review.map((tenant) => `review:${tenant}`),
  ];
}

function limitsOf(options: CreateOptions): KeyLimits {
  const { imagesPerSecond, concurrentRequests, maxTenants, maxClasses } = options;
  return defined({
    images_per_second: imagesPerSecond,
    concurrent_requests: concurrentRequests,
    tenants: maxTenants,
    classes: maxClasses,
  });
}

/** `clipn-gate keys ...`: uses the store directly, so that the first key needs no key. A running service follows within a second. */
export function addKeysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .description('manage API keys in the store itself; a running service reads the change within a second');
  withSettings(
    keys
      .command('create')
      .description('create a key and print it once')
      .requiredOption('--name <name>', 'name of the key')
      .option('--admin', 'permits every operation')
      .option('--detect <tenant...>', "permits verdicts for these tenants: ids, 'team-*' or '*'")
      .option('--manage <tenant...>', "permits reading, changing and removing these tenants: ids, 'team-*' or '*'")
      .option(
        '--review <tenant...>',
        "permits reading, labelling and removing kept images of these tenants: ids, 'team-*' or '*'",
      )
      .option('--metrics', 'permits reading /metrics')
      .option('--expires <when>', 'a time span such as 12h, 90d or 1y, or a date; without it the key never expires')
      .option('--images-per-second <n>', 'images per second on average', Number)
      .option('--concurrent-requests <n>', 'concurrent requests', Number)
      .option('--max-tenants <n>', 'largest number of tenants among those that it manages', Number)
      .option('--max-classes <n>', 'largest total number of classes of those tenants', Number)
      .option('--json', 'prints the key and its details as JSON'),
    SETTINGS,
  ).action(async (options: CreateOptions & Record<string, unknown>) => {
    const { expiryOf } = await import('./expiry.ts');
    const wish = {
      name: options.name,
      scopes: scopesOf(options),
      expiresAt: options.expires === undefined ? null : expiryOf(options.expires, Date.now()),
      limits: limitsOf(options),
    };
    const { createKey } = await import('./keys.ts');
    process.exitCode = await createKey(configFrom(options), wish, userInfo().username, options.json === true);
  });
  withSettings(
    keys
      .command('list')
      .description('list all keys, without their secrets')
      .option('--json', 'one JSON object per line'),
    SETTINGS,
  ).action(async (options: Record<string, unknown>) => {
    const { listKeys } = await import('./keys.ts');
    process.exitCode = await listKeys(configFrom(options), options['json'] === true);
  });
  withSettings(
    keys
      .command('revoke')
      .description('revoke keys at once')
      .argument('<key...>', 'ids or visible prefixes (clipn_ID_)'),
    SETTINGS,
  ).action(async (ids: string[], options: Record<string, unknown>) => {
    const { revokeKey } = await import('./keys.ts');
    process.exitCode = await revokeKey(configFrom(options), ids, userInfo().username);
  });
}
