import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { usage } from '../measure/usage.ts';
import { fixed, megabytes, table } from '../report.ts';
import type { AlertWatch } from './alerts.ts';
import type { Scene } from './faults.ts';
import type { Seen, Unanswered } from './ledger.ts';
import type { Replica } from './replica.ts';

/** One minute: the fault in it, and what was seen. */
export interface Episode {
  name: string;
  note: string;
  minute: number;
  at: number;
  end: number;
  /** Milliseconds until the fault was over and all replicas were ready. */
  ready: number;
  seen: Seen;
}

export const HEADINGS = [
  'minute',
  'fault',
  'requests',
  'other answers',
  'repeated',
  'most tries',
  'longest',
  'outage',
  'alerts',
];

const seconds = (ms: number) => `${fixed(ms / 1000)} s`;

/** Alerts that began in the minute of an episode, and when they cleared, in seconds from its begin. */
function alertsOf({ at, end }: Episode, alerts: AlertWatch): string {
  return alerts
    .between(at, end)
    .map(({ alert, after, cleared }) => {
      const until = cleared === undefined ? 'not cleared yet' : `cleared after ${fixed(cleared / 1000, 0)} s`;
      return `${alert} after ${fixed(after / 1000, 0)} s, ${until}`;
    })
    .join('; ');
}

/** Cells of an episode, in the order of the headings. */
export function row(episode: Episode, alerts: AlertWatch): string[] {
  const { seen, minute, name, note } = episode;
  const other = Object.entries(seen.other).map(([key, count]) => `${count} x ${key}`);
  return [
    fixed(minute, 0),
    note ? `${name} (${note})` : name,
    String(seen.requests),
    other.join('; ') || 'none',
    String(seen.retried),
    String(seen.mostTries),
    seconds(seen.longest),
    seen.outage > 0 ? `${seconds(seen.outage)} (${seen.outageKind})` : '0',
    alertsOf(episode, alerts) || 'none',
  ];
}

/** Lines of the gates' audit trails, those that are no record, and requests that have more than one. */
function auditTrails(replicas: Replica[]) {
  const lines = replicas.flatMap(({ options }) => readFileSync(options.audit, 'utf8').split('\n').filter(Boolean));
  const ids = new Map<string, number>();
  let broken = 0;
  for (const line of lines) {
    try {
      const { request_id: id } = JSON.parse(line) as { request_id: string };
      ids.set(id, (ids.get(id) ?? 0) + 1);
    } catch {
      broken++;
    }
  }
  return { lines: lines.length, broken, repeated: [...ids.values()].filter((n) => n > 1).length };
}

async function lostWrites({ replicas, writes, admin }: Scene): Promise<string[]> {
  // changes reach every replica within a second or two
  await sleep(5000);
  const lost: string[] = [];
  for (const replica of replicas) lost.push(...(await writes.lost(replica, { authorization: `Bearer ${admin}` })));
  return lost;
}

/** The whole run: the table, then what must be zero. */
export async function report({ scene, episodes, began }: { scene: Scene; episodes: Episode[]; began: number }) {
  const { ledger, replicas, alerts, writes } = scene;
  const lost = await lostWrites(scene);
  const unanswered = new Map<Unanswered, number>();
  for (const attempt of ledger.attempts) {
    const why = ledger.unanswered(attempt);
    if (why === undefined) continue;
    unanswered.set(why, (unanswered.get(why) ?? 0) + 1);
    if (why === 'without a reason') console.log('not answered:', JSON.stringify(attempt));
  }
  const gaveUp = ledger.operations.filter((o) => !o.done);
  const statuses: Record<string, number> = {};
  for (const { status } of ledger.attempts) statuses[status] = (statuses[status] ?? 0) + 1;
  console.log();
  table(
    HEADINGS,
    episodes.map((episode) => row(episode, alerts)),
  );
  const counted = [...unanswered].map(([why, count]) => `${count} ${why}`);
  const audit = auditTrails(replicas);
  const memory = replicas.map((r) => `${megabytes(usage(r.front).rss)} + ${megabytes(usage(r.engine).rss)}`);
  console.log(
    [
      '',
      `${ledger.attempts.length} requests of ${ledger.operations.length} operations in ${fixed((Date.now() - began) / 60_000)} minutes; statuses ${JSON.stringify(statuses)}`,
      `operations that did not succeed in the end: ${gaveUp.length} ${[...new Set(gaveUp.map((o) => o.kind))].join(', ')}`,
      `acknowledged writes: ${writes.acknowledged}, of ${writes.tenants} tenants; lost: ${lost.length}`,
      ...lost.slice(0, 20),
      `requests without an answer: ${counted.join(', ') || 'none'}`,
      `records of the gates' audit trails: ${audit.lines}, broken: ${audit.broken}, twice: ${audit.repeated}`,
      `unrequested ends of front processes: ${replicas.flatMap((r) => r.ends).join(', ') || 'none'}`,
      `alerts that fire at the end: ${alerts.firing.join(', ') || 'none'}`,
      `resident MiB at the end, front + engine: ${memory.join(', ')}`,
    ].join('\n'),
  );
  return {
    episodes: episodes.map((e) => ({ ...e, alerts: alertsOf(e, alerts) })),
    changes: alerts.changes,
    statuses,
    acknowledged: writes.acknowledged,
    lost,
    unanswered: Object.fromEntries(unanswered),
    gaveUp: gaveUp.length,
    audit,
  };
}
