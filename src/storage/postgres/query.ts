/** Runs one statement and returns its rows. */
export type Query = <R extends object = Record<string, unknown>>(sql: string, values?: unknown[]) => Promise<R[]>;
