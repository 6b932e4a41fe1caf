import { setTimeout as sleep } from 'node:timers/promises';
import type { Balancer } from '../../helpers/balancer.ts';
import { request } from '../load/pictures.ts';
import type { Ledger } from './ledger.ts';
import { type Attempt, type Sending, User } from './user.ts';
import type { Writes } from './writes.ts';

const SHOPS = ['shop-0', 'shop-1', 'shop-2'];
const CHANGED = 5;
const WORDS =
  'dog,cat,bird,horse,ship,truck,frog,deer,apple,chair,tree,house,river,bottle,clock,mountain,bridge,boat,lamp,shoe'.split(
    ',',
  );

export interface TrafficOptions {
  service: Balancer;
  gate: Balancer;
  ledger: Ledger;
  writes: Writes;
  jpegs: Buffer[];
  admin: string;
  /** The key of the client whose key is revoked: it changes. */
  camera: () => string;
}

interface Kind {
  name: string;
  everyMs: number;
  keeps: boolean;
  gate?: boolean;
  sending(i: number): Omit<Sending, 'kind'>;
  wanted(attempt: Attempt): boolean;
  after?(i: number, attempts: Attempt[]): void;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const json = { 'content-type': 'application/json' };
const ok = ({ status }: Attempt) => status === 200;
/** Refused for what it shows, or answered by the classifier. */
const judged = ({ status }: Attempt) => status === 200 || status === REFUSED;

/** Status with which the gate refuses what is out of distribution: no other part answers with it. */
export const REFUSED = 418;

/** A form of several images, as clients send it. */
function form(images: Buffer[]): { body: Buffer; headers: Record<string, string> } {
  const boundary = 'operators-boundary';
  const parts = images.flatMap((image, i) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${i}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
    ),
    image,
    Buffer.from('\r\n'),
  ]);
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}

/** Classes that differ with every number. */
export const classesOf = (i: number): string[] => [
  ...new Set([0, 1, 2, 3].map((k) => WORDS[(i * 7 + k * (3 + (i % 5))) % WORDS.length] as string)),
  `kind ${i % 40}`,
];

function readers({ jpegs, admin, camera }: TrafficOptions): Kind[] {
  const fresh = (i: number) => Buffer.concat(request(jpegs[i % jpegs.length] as Buffer).body);
  const shop = (i: number) => `/v1/detect?tenant=${SHOPS[i % SHOPS.length]}`;
  const octets = { 'content-type': 'application/octet-stream' };
  const one = (i: number, key: string) => ({
    method: 'POST',
    path: shop(i),
    headers: { ...octets, ...bearer(key) },
    body: fresh(i),
  });
  return [
    { name: 'detect', everyMs: 600, keeps: true, sending: (i) => one(i, admin), wanted: ok },
    { name: 'detect, a connection each', everyMs: 1500, keeps: false, sending: (i) => one(i, admin), wanted: ok },
    { name: 'detect with a key of its own', everyMs: 2000, keeps: true, sending: (i) => one(i, camera()), wanted: ok },
    {
      name: 'detect, three in a form',
      everyMs: 3000,
      keeps: true,
      sending: (i) => {
        const { body, headers } = form([fresh(i), fresh(i + 1), fresh(i + 2)]);
        return { method: 'POST', path: shop(i), headers: { ...headers, ...bearer(admin) }, body };
      },
      wanted: ok,
    },
    {
      name: 'detect, two in JSON',
      everyMs: 3000,
      keeps: false,
      sending: (i) => {
        const images = [0, 1].map((k) => ({ id: String(k), data: fresh(i + k).toString('base64') }));
        return {
          method: 'POST',
          path: shop(i),
          headers: { ...json, ...bearer(admin) },
          body: JSON.stringify({ images }),
        };
      },
      wanted: ok,
    },
    {
      name: 'gate, form',
      everyMs: 1500,
      keeps: true,
      gate: true,
      sending: (i) => ({ method: 'POST', path: '/predict', ...form([fresh(i)]) }),
      wanted: judged,
    },
    {
      name: 'gate, JSON',
      everyMs: 2000,
      keeps: false,
      gate: true,
      sending: (i) => {
        const instances = [{ b64: fresh(i).toString('base64') }];
        return { method: 'POST', path: '/v1/models/shop:predict', headers: json, body: JSON.stringify({ instances }) };
      },
      wanted: judged,
    },
    {
      name: 'tenants, read',
      everyMs: 2000,
      keeps: true,
      sending: (i) => ({
        method: 'GET',
        path: i % 4 ? `/v1/tenants/${SHOPS[i % SHOPS.length]}` : '/v1/tenants?limit=50',
        headers: bearer(admin),
      }),
      wanted: ok,
    },
  ];
}

function writers({ writes, admin }: TrafficOptions): Kind[] {
  const changed = (i: number) => `changed-${i % CHANGED}`;
  const put = (tenant: string, i: number) => ({
    method: 'PUT',
    path: `/v1/tenants/${tenant}`,
    headers: { ...json, ...bearer(admin) },
    body: JSON.stringify({ classes: classesOf(i) }),
  });
  const acknowledged = ({ status }: Attempt) => status >= 200 && status < 300;
  return [
    {
      name: 'tenants, change',
      everyMs: 5000,
      keeps: true,
      sending: (i) => put(changed(i), i),
      wanted: acknowledged,
      after: (i, attempts) => writes.note(changed(i), classesOf(i).join(), attempts),
    },
    {
      name: 'tenants, create',
      everyMs: 5000,
      keeps: false,
      sending: (i) => put(`made-${i}`, i),
      wanted: acknowledged,
      after: (i, attempts) => writes.note(`made-${i}`, classesOf(i).join(), attempts),
    },
    {
      // of those that were made a while ago: none is written by two at once
      name: 'tenants, remove',
      everyMs: 20_000,
      keeps: false,
      sending: (i) => ({ method: 'DELETE', path: `/v1/tenants/made-${i}`, headers: bearer(admin) }),
      wanted: ({ status }) => status === 204 || status === 404,
      after: (i, attempts) => writes.note(`made-${i}`, null, attempts),
    },
  ];
}

export const kindsOf = (options: TrafficOptions): Kind[] => [...readers(options), ...writers(options)];

/** Sends until it is stopped. Every kind has a client of its own, which waits for the end of one request before the next. */
export function startTraffic(options: TrafficOptions): () => Promise<void> {
  let running = true;
  const clients = kindsOf(options).map(async ({ name, everyMs, keeps, gate, sending, wanted, after }, c) => {
    const user = new User(gate ? options.gate : options.service, keeps, options.ledger.note);
    await sleep((c * 137) % everyMs);
    for (let i = 0; running; i++) {
      const began = performance.now();
      // the remover begins when there is something
      if (name !== 'tenants, remove' || i > 0) {
        const n = name === 'tenants, remove' ? i - 1 : i;
        const attempts = await user.ask({ kind: name, ...sending(n) });
        after?.(n, attempts);
        options.ledger.add(attempts, wanted);
      }
      while (running && performance.now() - began < everyMs) await sleep(Math.min(50, everyMs));
    }
    user.close();
  });
  return async () => {
    running = false;
    await Promise.all(clients);
  };
}
