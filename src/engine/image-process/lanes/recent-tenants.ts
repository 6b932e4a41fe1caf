/** Arrivals are counted over at least this time and at most twice as long, milliseconds. */
const WINDOW_MS = 1000;
/** A tenant is light if it had at most this part of its even share of the arrivals. */
const LIGHT_PART = 0.5;
/** Tenants are compared at most this often, milliseconds, because there may be thousands. */
const EVERY_MS = 10;

/** The arrivals of the last one to two seconds by tenant, to tell whether some tenant asks for much less than its even share. */
export class RecentTenants {
  #since = Number.NEGATIVE_INFINITY;
  #before = new Map<string, number>();
  #counts = new Map<string, number>();

  #compared = Number.NEGATIVE_INFINITY;
  #light = false;

  note(tenant: string, now: number): void {
    this.#turn(now);
    this.#counts.set(tenant, (this.#counts.get(tenant) ?? 0) + 1);
  }

  /** Whether the tenants that sent something lately include a light one. */
  anyLight(now: number): boolean {
    this.#turn(now);
    if (now - this.#compared >= EVERY_MS) {
      this.#compared = now;
      this.#light = this.#compare();
    }
    return this.#light;
  }

  #compare(): boolean {
    const tenants = new Set([...this.#before.keys(), ...this.#counts.keys()]);
    if (tenants.size < 2) return false;
    const counts = [...tenants].map((key) => (this.#before.get(key) ?? 0) + (this.#counts.get(key) ?? 0));
    const total = counts.reduce((sum, count) => sum + count, 0);
    return Math.min(...counts) <= (LIGHT_PART * total) / tenants.size;
  }

  #turn(now: number): void {
    const age = now - this.#since;
    if (age < WINDOW_MS) return;
    this.#before = age < 2 * WINDOW_MS ? this.#counts : new Map();
    this.#counts = new Map();
    this.#since = now;
  }
}
