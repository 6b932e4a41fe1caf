/** Progress of the holder of a lease. */
export interface LeaseProgress {
  done: number;
  total: number;
}

/** The right to do one build. */
export interface Lease {
  /** Aborted when the lease is lost, because another process may build then. */
  signal: AbortSignal;
  report(done: number, total: number): void;
  /** Releases the lease: the build is done, or this process does not continue it. */
  release(): Promise<void>;
}

/** Distributes builds: of all processes that share a store, at most one has the lease of a build at any time. */
export interface BuildLeases {
  /** The lease of the build `key`, or undefined while another process has it. */
  claim(key: string): Promise<Lease | undefined>;
  /** Resolves when a new `claim` makes sense: the holder has finished, released it or ended, or `ms` have passed. */
  wait(key: string, ms: number, signal: AbortSignal, onProgress: (progress: LeaseProgress) => void): Promise<void>;
}

/** For a process that shares its store with no other: every claim succeeds. */
export const ALONE: BuildLeases = {
  claim: async () => ({ signal: new AbortController().signal, report: () => {}, release: async () => {} }),
  wait: async () => {},
};
