/** How far the holder of a lease has come. */
export interface LeaseProgress {
  done: number;
  total: number;
}

/** The right to do one build. */
export interface Lease {
  /** Aborted when the lease is lost: somebody else builds from here on. */
  signal: AbortSignal;
  report(done: number, total: number): void;
  /** Gives it back: the build is done, or this process will not do it. */
  release(): Promise<void>;
}

/** Who builds what: of all processes that share a store exactly one has the lease of a build at any time. */
export interface BuildLeases {
  /** The lease of the build `key`, or undefined while somebody else has it. */
  claim(key: string): Promise<Lease | undefined>;
  /** Resolves when it is worth looking again: the holder has finished, given up or died, or `ms` have passed. */
  wait(key: string, ms: number, signal: AbortSignal, onProgress: (progress: LeaseProgress) => void): Promise<void>;
}

/** A process that has its store to itself builds everything. */
export const ALONE: BuildLeases = {
  claim: async () => ({ signal: new AbortController().signal, report: () => {}, release: async () => {} }),
  wait: async () => {},
};
