/** Intervals of everything that is polled, in milliseconds, by its subject. */
export const POLL_MS = {
  /** The engine of a replaced model: whether its last requests are answered. */
  idleEngine: 20,
  /** An engine that is being started again. */
  restartedEngine: 50,
  /** The record of a locked data directory, while its holder cannot be reached by its socket. */
  lockRecord: 200,
  /** The build of a tenant, requested over HTTP. */
  remoteBuild: 250,
  /** The folder of keys: the time of its last change. */
  keyFolder: 400,
  /** PostgreSQL, for the case that a notification was lost. */
  database: 1000,
  /** The gate's file. */
  gateFile: 1000,
  /** The directory of tenant files. */
  tenantFiles: 2000,
  /** Features that another process builds. */
  sharedBuild: 2000,
} as const;
