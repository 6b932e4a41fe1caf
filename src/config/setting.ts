import { type TSchema, Type } from 'typebox';

/** The kind of value of a setting; decides how its text is parsed. */
export type Kind = 'text' | 'integer' | 'bytes' | 'milliseconds' | 'flag';

export interface Setting {
  variable: string;
  kind: Kind;
  meaning: string;
}

/** A setting of the schema: its value, and how it is named and described. */
export function setting<T extends TSchema>(schema: T, variable: string, kind: Kind, meaning: string): T {
  return Object.assign(schema, { setting: { variable, kind, meaning } satisfies Setting });
}

export const count = (fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ default: fallback, minimum, maximum });
export const duration = (fallback: number, minimum = 0) =>
  Type.Integer({ default: fallback, minimum, maximum: 86_400_000 });
export const size = (fallback: number) => Type.Integer({ default: fallback, minimum: 1, maximum: 2 ** 40 });
export const MiB = 2 ** 20;
