import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { PYTHON } from '../../helpers/paths.ts';
import type { Sample } from './body.ts';
import { type Arrived, Clients, type Sent } from './honest-clients.ts';
import { type Content, documents, photos, texts } from './honest-contents.ts';
import { Peer } from './peers.ts';

type Pairs = [string, string][];
interface Plan {
  client: string;
  how: string;
  fields: Pairs;
  files: Content[];
}

/** Clients that Python runs; the rest run as programs of their own. */
const PYTHON_CLIENTS = ['requests', 'httpx', 'aiohttp', 'JSON', 'tritonclient', 'kserve'];
const names = fc.constantFrom('make', 'note', 'token', 'user', 'lines', 'created');
const plans = (clients: readonly string[]): fc.Arbitrary<Plan> =>
  fc.record({
    client: fc.constantFrom(...clients),
    how: fc.constantFrom('form', 'form', 'form', 'body', 'fields', 'JSON'),
    fields: fc.uniqueArray(fc.tuple(names, texts), { maxLength: 4, selector: ([name]) => name }),
    files: fc.array(fc.oneof({ weight: 3, arbitrary: documents }, { weight: 2, arbitrary: photos }), { maxLength: 2 }),
  });
const fileName = ({ kind }: Content, i: number) => `${kind.toLowerCase()}-${i}.bin`;

interface Made {
  client: string;
  headers: Pairs;
  body: string;
}

async function ofPython(plan: Plan, python: Peer): Promise<Arrived & { client: string }> {
  const files = plan.files.map((f, i) => [`file${i}`, fileName(f, i), f.type, f.bytes.toString('base64')]);
  // inputs of inference servers are pictures, and keys in base64 are in other bodies
  const onlyPictures = !['requests', 'httpx', 'aiohttp'].includes(plan.client);
  const kept = onlyPictures ? files.filter((_, i) => plan.files[i]?.kind === 'photograph') : files;
  const { client, headers, body } = await python.ask<Made>({ client: plan.client, fields: plan.fields, files: kept });
  return { client, headers, body: Buffer.from(body, 'base64') };
}

async function ofProgram(plan: Plan, clients: Clients): Promise<Arrived & { client: string }> {
  // as text, a picture is in base64, and no reader takes a document for a picture
  const files = plan.files
    .filter(({ kind }) => plan.how !== 'JSON' || kind === 'photograph')
    .map((f, i) => ({ name: `file${i}`, fileName: fileName(f, i), type: f.type, bytes: f.bytes }));
  const sent: Sent = { fields: plan.fields, files };
  return { client: `${plan.client} (${plan.how})`, ...(await clients.send(plan.client, plan.how, sent)) };
}

/** Requests as honest clients send them. */
export class HonestBodies {
  readonly #python: Peer;
  readonly #clients: Clients;

  private constructor(python: Peer, clients: Clients) {
    this.#python = python;
    this.#clients = clients;
  }

  static async start(t: Pick<TestContext, 'after'>): Promise<HonestBodies> {
    const python = new Peer(PYTHON as string, ['-u', `${import.meta.dirname}/honest.py`]);
    t.after(() => python.close());
    return new HonestBodies(python, await Clients.start(t));
  }

  /** The clients that run here. */
  get clients(): string[] {
    return [...PYTHON_CLIENTS, ...this.#clients.names];
  }

  async make(count: number, seed: number): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (const plan of fc.sample(plans(this.clients), { numRuns: count, seed })) {
      const { client, headers, body } = PYTHON_CLIENTS.includes(plan.client)
        ? await ofPython(plan, this.#python)
        : await ofProgram(plan, this.#clients);
      const how = `${client}: ${plan.fields.length} fields, ${plan.files.map(({ kind }) => kind).join(' and ') || 'no files'}`;
      samples.push({ made: how, path: '/auto', headers, body });
    }
    return samples;
  }
}
