import type { Replica } from './replica.ts';
import type { Attempt } from './user.ts';

/** Of a tenant: its classes in one string, or null where it was removed. */
type Content = string | null;

/** Writes of tenants that were acknowledged, and what must be there at the end. */
export class Writes {
  acknowledged = 0;
  readonly #last = new Map<string, Content>();
  /** Contents of later attempts that were not acknowledged: they may be there, or not. */
  readonly #possible = new Map<string, Set<Content>>();

  /** Of one operation on a tenant, whose writes come one after the other. */
  note(tenant: string, content: Content, attempts: Attempt[]): void {
    const acknowledged = attempts.some(({ status }) => status >= 200 && status < 300) || gone(content, attempts);
    if (acknowledged) {
      this.acknowledged++;
      this.#last.set(tenant, content);
      this.#possible.delete(tenant);
    } else {
      const set = this.#possible.get(tenant) ?? new Set();
      this.#possible.set(tenant, set.add(content));
    }
  }

  get tenants(): number {
    return this.#last.size;
  }

  /** Writes that a replica has not, each in a line. */
  async lost(replica: Replica, headers: Record<string, string>): Promise<string[]> {
    const lost: string[] = [];
    for (const [tenant, content] of this.#last) {
      const reply = await fetch(`${replica.url}/v1/tenants/${tenant}`, { headers });
      const { definition } = (await reply.json()) as { definition?: { classes: string[] } };
      const found = reply.status === 404 ? null : (definition?.classes.join() ?? `status ${reply.status}`);
      if (found === content || this.#possible.get(tenant)?.has(found)) continue;
      lost.push(`${replica.options.name}: ${tenant} has ${found}, acknowledged was ${content}`);
    }
    return lost;
  }
}

/** A removal that was repeated finds nothing to remove: an earlier attempt had done it. */
const gone = (content: Content, attempts: Attempt[]) =>
  content === null && attempts.length > 1 && attempts.at(-1)?.status === 404;
