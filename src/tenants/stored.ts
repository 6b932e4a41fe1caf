import { tolerant } from '../storage/tolerant.ts';
import { validatorOf } from '../validator.ts';
import { isRecord, StoredTenant, TenantRecord, Tombstone } from './record.ts';

const valid = validatorOf(tolerant(StoredTenant));
const KNOWN = new Set([...Object.keys(TenantRecord.properties), ...Object.keys(Tombstone.properties)]);

/**
 * The stored tenant with this id in `value`, or the reason why it is none. Fields that this program does not know are accepted:
 * a newer program of the same format may have written them.
 */
export function readStored(value: unknown, id: string): StoredTenant | { reason: string } {
  if (!valid(value)) return { reason: `${valid.errors[0]?.instancePath} ${valid.errors[0]?.message}`.trim() };
  const stored = value as StoredTenant;
  return stored.id === id ? stored : { reason: `the id in the content is not ${id}` };
}

/**
 * `next` with the fields of `old` that this program does not know, so that writing does not remove them. A removed tenant leaves
 * nothing behind, and one that is made under its name inherits nothing.
 */
export function withUnknownFields(next: StoredTenant, old: StoredTenant | undefined): StoredTenant {
  if (old === undefined || isRecord(old) !== isRecord(next)) return next;
  const unknown = Object.entries(old).filter(([name]) => !KNOWN.has(name));
  return { ...Object.fromEntries(unknown), ...next };
}
