import type { Replica } from './replica.ts';
import type { Attempt } from './user.ts';

/** Longest time from the death of a front until the balancer sends nothing more to its address, and a margin. */
const LISTED_MS = 5000;
/** An answer that was being sent when the process died ends a little before the time at which the kill was noted. */
const AIR_MS = 50;

/** Reasons that a request was not answered. */
export type Unanswered = 'in flight in a killed front' | 'sent to the address of a killed front' | 'without a reason';

/** One user's wish: the attempts that it took. */
export interface Operation {
  kind: string;
  began: number;
  ended: number;
  attempts: number;
  /** The last answer is what was wanted. */
  done: boolean;
}

export interface Seen {
  requests: number;
  /** `kind: status code` of the answers that were not the wanted ones → how many. */
  other: Record<string, number>;
  retried: number;
  mostTries: number;
  /** Milliseconds of the longest operation, first attempt to the wanted answer. */
  longest: number;
  /** Longest time in which a kind of request had no success, although it was tried. */
  outage: number;
  outageKind: string;
  gaveUp: number;
}

/** Everything that users sent and saw. */
export class Ledger {
  readonly attempts: Attempt[] = [];
  readonly operations: Operation[] = [];
  readonly #wanted = new WeakSet<Attempt>();
  readonly #replicas: Replica[];

  constructor(replicas: Replica[]) {
    this.#replicas = replicas;
  }

  note = (attempt: Attempt) => void this.attempts.push(attempt);

  /** Closes an operation. */
  add(attempts: Attempt[], wanted: (attempt: Attempt) => boolean): boolean {
    const [first, last] = [attempts[0] as Attempt, attempts.at(-1) as Attempt];
    const done = wanted(last);
    if (done) this.#wanted.add(last);
    const { kind, began } = first;
    this.operations.push({ kind, began, ended: last.ended, attempts: attempts.length, done });
    // bodies are of use to the one who asked only
    for (const attempt of attempts) {
      attempt.body = attempt.body.slice(0, this.#wanted.has(attempt) ? 0 : 300);
      attempt.headers = {};
    }
    return done;
  }

  /** Why an attempt had no answer; nothing for one that had. */
  unanswered(attempt: Attempt): Unanswered | undefined {
    if (attempt.status !== 0) return undefined;
    const replica = this.#replicas.find(({ url, gate }) => attempt.replica === url || attempt.replica === gate);
    const kill = replica?.killed.find((at) => attempt.ended >= at - AIR_MS && attempt.began <= at + LISTED_MS);
    if (kill === undefined) return 'without a reason';
    return attempt.began <= kill ? 'in flight in a killed front' : 'sent to the address of a killed front';
  }

  /** Answers to all requests that began between two times of Date.now(). */
  seen(from: number, to: number): Seen {
    const attempts = this.attempts.filter((a) => a.began >= from && a.began < to);
    const operations = this.operations.filter((o) => o.began >= from && o.began < to);
    const other: Record<string, number> = {};
    for (const a of attempts) {
      if (this.#wanted.has(a)) continue;
      const key = `${a.kind}: ${a.status || (this.unanswered(a) ?? '')} ${a.code}`.trim();
      other[key] = (other[key] ?? 0) + 1;
    }
    const { outage, outageKind } = this.#outage(attempts);
    return {
      requests: attempts.length,
      other,
      retried: operations.filter((o) => o.attempts > 1).length,
      mostTries: Math.max(0, ...operations.map((o) => o.attempts)),
      longest: Math.max(0, ...operations.filter((o) => o.done).map((o) => o.ended - o.began)),
      outage,
      outageKind,
      gaveUp: operations.filter((o) => !o.done).length,
    };
  }

  /** From the begin of the first failed attempt to the end of the next success of the same kind. */
  #outage(attempts: Attempt[]): { outage: number; outageKind: string } {
    const longest = { outage: 0, outageKind: '' };
    const since = new Map<string, number>();
    for (const a of attempts.toSorted((x, y) => x.ended - y.ended)) {
      const began = since.get(a.kind);
      if (!this.#wanted.has(a)) {
        if (began === undefined) since.set(a.kind, a.began);
        continue;
      }
      since.delete(a.kind);
      if (began !== undefined && a.ended - began > longest.outage) {
        longest.outage = a.ended - began;
        longest.outageKind = a.kind;
      }
    }
    return longest;
  }
}
