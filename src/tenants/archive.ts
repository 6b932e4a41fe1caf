import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Tower } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { validatorOf } from '../validator.ts';
import { ArchivedState, archivedState, faultOfState } from './archived-state.ts';
import { TenantDefinition } from './definition.ts';
import type { TenantRecord } from './record.ts';

export const ARCHIVE_TYPE = 'application/vnd.clipn-gate.tenant';

const ArchiveHeader = Type.Object(
  {
    format: Type.Literal('clipn-gate tenant 1'),
    tenant: Type.String(),
    version: Type.Integer(),
    exported_at: Type.String(),
    definition: TenantDefinition,
    /** Bundle that the features were made with, and the texts in the order of the rows. */
    bundle: Type.String(),
    width: Type.Integer({ minimum: 1, maximum: 65_536 }),
    texts: Type.Array(Type.String()),
    ...ArchivedState.properties,
  },
  { additionalProperties: false },
);

/**
 * A tenant in one file, with its calibration and examples: a line of JSON, then the rows of all texts, yes before no, float32 little endian, then the SHA-256 of
 * everything before.
 */
export interface Archive extends Omit<Static<typeof ArchiveHeader>, 'format'> {
  /** [texts * width] each. */
  rows: Record<Tower, Float32Array>;
}

const valid = validatorOf(ArchiveHeader, { strictTypes: false });
const utf8 = new TextDecoder('utf-8', { fatal: true });
const DIGEST = 32;
/** Tolerance of a unit row's length, because the exporter may have added in another order. */
const TOLERANCE = 1e-3;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const bytesOf = (rows: Float32Array) => new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);

/** The first bytes of every archive. */
export const ARCHIVE_BEGINNING = Buffer.from('{"format":"clipn-gate tenant 1"');

/** @param features those of the record's version */
export function archiveOf(
  record: TenantRecord,
  features: Pick<Archive, 'bundle' | 'width' | 'texts' | 'rows'>,
): Archive {
  const { id: tenant, version, definition } = record;
  return { tenant, version, exported_at: new Date().toISOString(), definition, ...archivedState(record), ...features };
}

export function encodeArchive({ rows, ...head }: Archive): Buffer {
  const line = `${JSON.stringify({ format: 'clipn-gate tenant 1', ...head })}\n`;
  const body = Buffer.concat([Buffer.from(line), bytesOf(rows.yes), bytesOf(rows.no)]);
  return Buffer.concat([body, sha256(body)]);
}

/** @throws ServiceError import_damaged for bytes that `encodeArchive` did not make, or that have changed since */
export function decodeArchive(bytes: Buffer): Archive {
  const body = bytes.subarray(0, -DIGEST);
  const newline = body.indexOf('\n');
  if (bytes.length <= DIGEST || newline < 0) throw damaged('it is not an exported tenant');
  if (!sha256(body).equals(bytes.subarray(-DIGEST))) throw damaged('its checksum is wrong');
  let head: unknown;
  try {
    head = JSON.parse(utf8.decode(body.subarray(0, newline)));
  } catch {
    throw damaged('it is not an exported tenant');
  }
  if (!valid(head)) throw damaged(faultOfHeader());
  const { format: _, ...rest } = head as Static<typeof ArchiveHeader>;
  const fault = faultOfState(rest);
  if (fault !== undefined) throw damaged(fault);
  const numbers = rest.texts.length * rest.width;
  if (body.length !== newline + 1 + 8 * numbers) throw damaged('its length differs from the declared one');
  const tower = (at: number) => {
    const start = body.byteOffset + newline + 1 + at;
    return new Float32Array(body.buffer.slice(start, start + 4 * numbers) as ArrayBuffer);
  };
  const rows = { yes: tower(0), no: tower(4 * numbers) };
  for (const all of [rows.yes, rows.no]) {
    for (let at = 0; at < all.length; at += rest.width) assertUnit(all.subarray(at, at + rest.width));
  }
  return { ...rest, rows };
}

/** A field that this program does not know may change verdicts, so it is refused. */
function faultOfHeader(): string {
  const [error] = valid.errors;
  if (error?.keyword !== 'additionalProperties') return `${error?.instancePath} ${error?.message}`;
  const field = String(error.params['additionalProperty']).slice(0, 64);
  return `it has the field ${JSON.stringify(field)}, which a newer version may have written and this one does not know`;
}

function assertUnit(row: Float32Array): void {
  let squares = 0;
  for (const value of row) squares += value * value;
  if (!(Math.abs(Math.sqrt(squares) - 1) < TOLERANCE)) throw damaged('a feature is not of unit length');
}

export function damaged(why: string): ServiceError {
  return new ServiceError('import_damaged', `The file cannot be imported: ${why}.`);
}

/** Cache key of imported features. It differs for each archive, so that imported features judge no other tenant's images. */
export function originOf(bytes: Uint8Array): string {
  return sha256(bytes).toString('hex').slice(0, 32);
}
