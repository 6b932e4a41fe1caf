/** A file in an object store. */
export interface StoredObject {
  key: string;
  /** Milliseconds since 1970. */
  modified: number;
}

/**
 * Keeps files under keys of the form `tenant/name`. Both parts have letters, digits, dot, hyphen and underscore only, and do not
 * begin with a dot. When `put` resolves, the file survives a crash of this machine.
 */
export interface ObjectStore {
  /** For the log. */
  readonly name: string;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Undefined if there is no such file. */
  get(key: string): Promise<Buffer | undefined>;
  /** Removes a file, as far as it exists. */
  remove(key: string): Promise<void>;
  /** All files, or those of a tenant. */
  list(tenant?: string): AsyncIterable<StoredObject>;
}
