import { ServiceError } from '../../errors/index.ts';

/** Memory for one request's body. */
export interface Reservation {
  /** Reserves more. @throws ServiceError overloaded */
  grow(bytes: number): void;
  /** Reserves what is missing to this total. @throws ServiceError overloaded */
  cover(bytes: number): void;
  release(): void;
}

/** Bounds the total size of all request bodies in memory, and with it the memory of the process. */
export class BodyBudget {
  readonly #most: number;
  #used = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get used(): number {
    return this.#used;
  }

  /** @throws ServiceError overloaded */
  reserve(bytes: number): Reservation {
    let mine = 0;
    let over = false;
    const grow = (more: number) => {
      if (over) return;
      if (this.#used + more > this.#most) throw overloaded();
      this.#used += more;
      mine += more;
    };
    grow(bytes);
    const release = () => {
      over = true;
      this.#used -= mine;
      mine = 0;
    };
    return { grow, cover: (total) => grow(Math.max(0, total - mine)), release };
  }
}

function overloaded(): ServiceError {
  return new ServiceError(
    'overloaded',
    'The requests in progress use all the memory that the service has for bodies.',
    {
      retryAfterSeconds: 1,
    },
  );
}
