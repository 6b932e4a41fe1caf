/** Intervals at which the program asks again, in milliseconds, by the subject of the question. All of them are here. */
export const POLL_MS = {
  /** The engine of a replaced model: whether its last requests are answered. */
  idleEngine: 20,
  /** An engine that is being started again. */
  restartedEngine: 50,
  /** The build of a tenant, asked over HTTP. */
  remoteBuild: 250,
  /** The folder of keys: the time of its last change. */
  keyFolder: 400,
  /** PostgreSQL, in case that a notification was lost. */
  database: 1000,
  /** The directory of tenant files. */
  tenantFiles: 2000,
  /** Features that another process builds. */
  sharedBuild: 2000,
} as const;
