/** `T` without the fields that may be undefined, each of them optional instead. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * Removes undefined fields. An undefined field and an absent one differ in the types (`exactOptionalPropertyTypes`), in a
 * spread and in `Object.keys`.
 */
export function defined<T extends object>(fields: T): Defined<T>;
export function defined(fields: Readonly<Record<string, unknown>>): object {
  const kept: Record<string, unknown> = {};
  // not a copy with the rest deleted: an object that has lost a field is slow from then on
  for (const key in fields) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept;
}
