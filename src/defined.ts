/** `T` without the fields that may be undefined, each of them optional instead. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * The fields that have a value. A field that is undefined and a field that is absent differ in the types (`exactOptionalPropertyTypes`), in
 * a spread and in `Object.keys`.
 */
export function defined<T extends object>(fields: T): Defined<T> {
  const kept = { ...fields };
  for (const key in kept) if (kept[key] === undefined) delete kept[key];
  return kept as Defined<T>;
}
