import { fixed, median } from '../report.ts';
import type { Scene } from './faults.ts';
import { type Attempt, User } from './user.ts';

const AT_ONCE = 12;
let storms = 0;

const acknowledged = ({ status }: Attempt) => status >= 200 && status < 300;

/** Many new tenants at once, with words that no other has; gives how long the writes took. */
export async function tenantStorm(scene: Scene, name: string, count: number): Promise<string> {
  const storm = `${name}-${storms++}`;
  const times: number[] = [];
  let sent = 0;
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, count) }, async () => {
      const user = new User(scene.service, false, scene.ledger.note);
      while (sent < count) {
        const id = `${storm}-${sent++}`;
        const classes = Array.from({ length: 8 }, (_, k) => `${id} thing ${k}`);
        const attempts = await user.ask({
          kind: `tenants, ${name}`,
          method: 'PUT',
          path: `/v1/tenants/${id}`,
          headers: { authorization: `Bearer ${scene.admin}`, 'content-type': 'application/json' },
          body: JSON.stringify({ classes }),
        });
        scene.writes.note(id, classes.join(), attempts);
        const [first, last] = [attempts[0] as Attempt, attempts.at(-1) as Attempt];
        times.push(last.ended - first.began);
        scene.ledger.add(attempts, acknowledged);
      }
      user.close();
    }),
  );
  return `${count} tenants of 8 new classes, a write took ${fixed(median(times) / 1000)} s in the median, ${fixed(Math.max(...times) / 1000)} s at most`;
}
