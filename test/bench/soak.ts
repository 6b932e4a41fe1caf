/**
 * `npm run bench -- soak --count 200000 --out soak.jsonl`: requests of mixed kinds, one after the other from several clients, while the
 * resident memory of both processes is written down. A line of JSON per sample, so that a run that was cut off still reports its samples;
 * `--count 0 --out FILE` sums up the last run in a file. Ctrl-C ends a run early and sums up.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { noise, waves } from '../helpers/images.ts';
import { putTenant, sendImage } from '../helpers/service.ts';
import { photographsOrMade, request } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { usage } from './measure/usage.ts';
import { fixed, megabytes, table } from './report.ts';

const CLIENTS = 12;
const SAMPLES = 200;
const TENANTS = Array.from({ length: 12 }, (_, i) => `soak-${i}`);
const WORDS = 'dog,cat,bird,horse,ship,truck,frog,deer,apple,chair,tree,house,river,bottle,clock,mountain'.split(',');

export interface Sample {
  run: string;
  requests: number;
  of: number;
  seconds: number;
  front: number;
  engine: number;
  enginePid: number;
  /** Answers since the start, by kind and status. */
  answers: Record<string, number>;
}

/** The same mixture in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

type Kind = { name: string; share: number; expected: number[]; send(i: number): Promise<number> };

async function kinds(url: string): Promise<Kind[]> {
  const { jpegs } = await photographsOrMade();
  const others = [
    await noise(120, 90).png().toBuffer(),
    await waves(300, 200, 5).webp().toBuffer(),
    await waves(64, 64, 6).gif().toBuffer(),
    await waves(1600, 1200, 7).jpeg().toBuffer(),
  ];
  const tenant = (i: number) => `?tenant=${TENANTS[i % TENANTS.length]}`;
  const fresh = (i: number) => {
    const { body } = request(jpegs[i % jpegs.length] as Buffer);
    return Buffer.concat(body);
  };
  const status = async (response: Response) => {
    await response.arrayBuffer();
    return response.status;
  };
  const json = (body: unknown) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return [
    {
      name: 'photograph',
      share: 58,
      expected: [200],
      send: async (i) => status(await sendImage(url, fresh(i), tenant(i))),
    },
    {
      name: 'seen before',
      share: 12,
      expected: [200],
      send: async (i) => status(await sendImage(url, jpegs[i % 5] as Buffer, tenant(i))),
    },
    {
      name: 'multipart of four',
      share: 8,
      expected: [200],
      send: async (i) => {
        const form = new FormData();
        for (let k = 0; k < 4; k++) form.append('file', new Blob([new Uint8Array(fresh(i + k))]), `${k}.jpg`);
        return status(await fetch(`${url}/v1/detect${tenant(i)}`, { method: 'POST', body: form }));
      },
    },
    {
      name: 'JSON',
      share: 5,
      expected: [200],
      send: async (i) => {
        const images = [{ id: 'a', data: fresh(i).toString('base64') }];
        return status(await fetch(`${url}/v1/detect${tenant(i)}`, json({ images })));
      },
    },
    {
      name: 'other formats',
      share: 6,
      expected: [200],
      send: async (i) => status(await sendImage(url, others[i % 4] as Buffer, tenant(i))),
    },
    {
      name: 'no image',
      share: 2,
      expected: [415],
      send: async (i) => status(await sendImage(url, Buffer.from(`not an image ${i}`), tenant(i))),
    },
    {
      name: 'cut off',
      share: 2,
      expected: [422],
      send: async (i) => status(await sendImage(url, fresh(i).subarray(0, 2000), tenant(i))),
    },
    {
      name: 'unknown tenant',
      share: 1,
      expected: [404],
      send: async (i) => status(await sendImage(url, fresh(i), `?tenant=nobody-${i}`)),
    },
    {
      name: 'client leaves',
      share: 2,
      expected: [0, 200],
      send: async (i) => {
        const left = AbortSignal.timeout(1 + (i % 20));
        return sendImage(url, fresh(i), tenant(i), left).then(status, () => 0);
      },
    },
    {
      name: 'tenant changes',
      share: 1,
      expected: [200, 201, 202],
      send: async (i) => {
        const classes = [0, 1, 2, 3].map((k) => `${WORDS[(i + 5 * k) % WORDS.length]}`);
        return status(await putTenant(url, TENANTS[i % TENANTS.length] as string, { classes }));
      },
    },
    {
      name: 'tenant comes and goes',
      share: 1,
      expected: [204],
      send: async (i) => {
        await putTenant(url, `guest-${i}`, { classes: ['dog', 'cat'] });
        return status(await fetch(`${url}/v1/tenants/guest-${i}`, { method: 'DELETE' }));
      },
    },
    {
      name: 'lists and metrics',
      share: 2,
      expected: [200],
      send: async (i) => status(await fetch(`${url}${i % 2 ? '/metrics' : '/v1/tenants'}`)),
    },
  ];
}

export const soak: Bench = async ({ bundle: dir, count = 20_000, out = 'soak.jsonl' }) => {
  if (count > 0) await run(dir, count, out);
  return report(out);
};

async function run(dir: string, count: number, out: string): Promise<void> {
  const env = { CLIPN_REQUEST_TIMEOUT_MS: '60000', CLIPN_MAX_QUEUE: '1024' };
  await withService({ dir, env, tenants: TENANTS }, async (target) => {
    const all = await kinds(target.url);
    const total = all.reduce((sum, { share }) => sum + share, 0);
    const next = random(1);
    const pick = () => {
      let at = next() * total;
      for (const kind of all) {
        at -= kind.share;
        if (at < 0) return kind;
      }
      return all[0] as Kind;
    };
    const id = new Date().toISOString();
    const began = performance.now();
    const answers: Record<string, number> = {};
    let sent = 0;
    let ended = false;
    const stop = () => {
      ended = true;
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    const sample = () => {
      const enginePid = target.engine();
      const line: Sample = {
        run: id,
        requests: sent,
        of: count,
        seconds: (performance.now() - began) / 1000,
        front: usage(target.front).rss,
        engine: usage(enginePid).rss,
        enginePid,
        answers,
      };
      appendFileSync(out, `${JSON.stringify(line)}\n`);
      console.log(
        `${String(sent).padStart(8)} of ${count}, ${fixed(line.seconds, 0)} s: front ${megabytes(line.front)} MiB, engine ${megabytes(line.engine)} MiB`,
      );
    };
    const every = Math.max(1, Math.floor(count / SAMPLES));
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (sent < count && !ended) {
          const i = sent++;
          const kind = pick();
          const status = await kind.send(i).catch((error) => String((error as Error).cause ?? error));
          const expected = typeof status === 'number' && kind.expected.includes(status);
          const key = expected ? kind.name : `${kind.name}: ${status}`;
          answers[key] = (answers[key] ?? 0) + 1;
          if (!expected) await sleep(50);
          if ((i + 1) % every === 0) sample();
        }
      }),
    );
    sample();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  });
}

/** The last run in the file: medians of resident memory after the first tenth and at the end. */
function report(file: string) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  const last = samples.at(-1) as Sample;
  const mine = samples.filter((s) => s.run === last.run);
  const between = (from: number, to: number, of: (s: Sample) => number) => {
    const values = mine.filter((s) => s.requests >= from * last.requests && s.requests <= to * last.requests).map(of);
    return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  };
  const growth = (of: (s: Sample) => number) => {
    const early = between(0.1, 0.15, of);
    const late = between(0.95, 1, of);
    return { early, late, growth: late / early - 1, peak: Math.max(...mine.map(of)) };
  };
  const processes = { front: growth((s) => s.front), engine: growth((s) => s.engine) };
  console.log(
    `\n${last.requests} of ${last.of} requests in ${fixed(last.seconds, 0)} s, ${fixed(last.requests / last.seconds, 0)}/s`,
  );
  table(
    ['resident MiB', 'after the first tenth', 'at the end', 'growth', 'peak'],
    Object.entries(processes).map(([name, g]) => [
      name,
      megabytes(g.early),
      megabytes(g.late),
      `${fixed(100 * g.growth)} %`,
      megabytes(g.peak),
    ]),
  );
  table(['answers', ''], Object.entries(last.answers));
  const engines = new Set(mine.map((s) => s.enginePid)).size;
  if (engines > 1) console.log(`the engine was restarted: ${engines} processes`);
  return { requests: last.requests, of: last.of, seconds: last.seconds, answers: last.answers, engines, ...processes };
}
