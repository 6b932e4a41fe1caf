import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { CHROMIUM, launchBrowser } from '../../helpers/browser.ts';
import { go } from './harness.ts';
import { Peer } from './peers.ts';

type After = Pick<TestContext, 'after'>;
type Pairs = [string, string][];

/** Content of one request. */
export interface Sent {
  fields: Pairs;
  files: { name: string; fileName: string; type: string; bytes: Buffer }[];
}

/** A request as it arrived. */
export interface Arrived {
  headers: Pairs;
  body: Buffer;
}

const KEPT = new Set(['content-type', 'content-encoding', 'inference-header-content-length']);
const run = promisify(execFile);

/** A server that keeps the last request, so that it is known to the byte how a client sends it. */
class Catcher {
  readonly url: string;
  #last: Arrived | undefined;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(t: After): Promise<Catcher> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const headers = Object.entries(request.headers).filter(([name]) => KEPT.has(name)) as Pairs;
        if (request.method === 'POST') catcher.#last = { headers, body: Buffer.concat(chunks) };
        response.setHeader('content-type', 'text/html').end('<title>x</title>');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const catcher = new Catcher(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return catcher;
  }

  async caught(send: Promise<unknown>): Promise<Arrived> {
    this.#last = undefined;
    await send;
    const last = this.#last as Arrived | undefined;
    if (!last) throw new Error('the client has sent nothing');
    return last;
  }
}

/** The page's part: how a page of a browser sends a form, a file, fields or JSON. */
async function sendFromPage(how: string, fields: Pairs, files: [string, string, string, string][]): Promise<void> {
  const bytesOf = (b64: string) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
  const blobs = files.map(([name, fileName, type, b64]) => ({
    name,
    file: new File([bytesOf(b64)], fileName, { type }),
    b64,
    type,
  }));
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  for (const { name, file } of blobs) form.append(name, file);
  const dataUrls = Object.fromEntries(blobs.map(({ name, b64, type }) => [name, `data:${type};base64,${b64}`]));
  const bodies: Record<string, () => NonNullable<RequestInit['body']>> = {
    form: () => form,
    body: () => blobs[0]?.file ?? form,
    fields: () => new URLSearchParams(fields),
    JSON: () => JSON.stringify({ ...Object.fromEntries(fields), ...dataUrls }),
  };
  const headers: Record<string, string> = how === 'JSON' ? { 'content-type': 'application/json' } : {};
  await fetch('/', { method: 'POST', body: (bodies[how] as () => NonNullable<RequestInit['body']>)(), headers });
}

/** Clients that run as they are; each sends over a socket. */
export class Clients {
  readonly #catcher: Catcher;
  readonly #page: Page | undefined;
  readonly #go: Peer | undefined;
  readonly #folder: string;

  private constructor(catcher: Catcher, page: Page | undefined, peer: Peer | undefined, folder: string) {
    this.#catcher = catcher;
    this.#page = page;
    this.#go = peer;
    this.#folder = folder;
  }

  static async start(t: After): Promise<Clients> {
    const catcher = await Catcher.start(t);
    const browser = CHROMIUM ? await launchBrowser() : undefined;
    const page = await browser?.newPage();
    await page?.goto(catcher.url);
    // a helper that the compiler adds to functions and that the page lacks
    await page?.evaluate('globalThis.__name = (f) => f');
    const peer = go ? new Peer('go', ['run', `${import.meta.dirname}/honest.go`]) : undefined;
    const folder = mkdtempSync(join(tmpdir(), 'honest-'));
    t.after(async () => {
      await browser?.close();
      await peer?.close();
      rmSync(folder, { recursive: true });
    });
    return new Clients(catcher, page, peer, folder);
  }

  /** The clients that are there. */
  get names(): string[] {
    return ['curl', 'axios', ...(this.#page ? ['Chromium'] : []), ...(this.#go ? ['Go'] : [])];
  }

  async send(client: string, how: string, sent: Sent): Promise<Arrived> {
    const { url } = this.#catcher;
    switch (client) {
      case 'Chromium': {
        const files = sent.files.map((f) => [f.name, f.fileName, f.type, f.bytes.toString('base64')] as const);
        const work = (this.#page as Page).evaluate(
          ([source, ...rest]) => new Function(`return (${source})`)()(...rest),
          [String(sendFromPage), how, sent.fields, files] as const,
        );
        return this.#catcher.caught(work);
      }
      case 'Go': {
        const files = sent.files.map((f) => ({ ...f, bytes: f.bytes.toString('base64') }));
        return this.#catcher.caught((this.#go as Peer).ask({ url, fields: sent.fields, files }));
      }
      case 'axios':
        return this.#catcher.caught(withAxios(url, how, sent));
      default:
        return this.#catcher.caught(run('curl', ['-sS', '-o', '/dev/null', ...this.#curl(how, sent), url]));
    }
  }

  #curl(how: string, { fields, files }: Sent): string[] {
    const at = (file: Sent['files'][0]) => {
      const path = join(this.#folder, file.name);
      writeFileSync(path, file.bytes);
      return path;
    };
    const [first] = files;
    if (how === 'body' && first) return ['-H', `Content-Type: ${first.type}`, '--data-binary', `@${at(first)}`];
    if (how === 'JSON')
      return ['-H', 'Content-Type: application/json', '--data-raw', JSON.stringify(Object.fromEntries(fields))];
    if (how === 'fields' && fields.length > 0)
      return fields.flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
    const parts = fields.flatMap(([name, value]) => ['--form-string', `${name}=${value}`]);
    const uploads = files.flatMap((f) => [
      '-F',
      `${f.name}=@${at(f)};filename=${f.fileName};type=${f.type.split(';')[0]}`,
    ]);
    return parts.length + uploads.length > 0 ? [...parts, ...uploads] : ['--data-raw', 'x=1'];
  }
}

async function withAxios(url: string, how: string, { fields, files }: Sent): Promise<void> {
  const { default: axios } = (await import('axios' as string)) as {
    default: {
      post(url: string, body: unknown, options?: object): Promise<unknown>;
      postForm(url: string, body: unknown): Promise<unknown>;
    };
  };
  const [first] = files;
  if (how === 'body' && first) await axios.post(url, first.bytes, { headers: { 'content-type': first.type } });
  else if (how === 'JSON')
    await axios.post(url, {
      ...Object.fromEntries(fields),
      ...Object.fromEntries(files.map(({ name, bytes }) => [name, bytes.toString('base64')])),
    });
  else if (how === 'fields') await axios.post(url, new URLSearchParams(fields));
  else
    await axios.postForm(url, {
      ...Object.fromEntries(fields),
      ...Object.fromEntries(files.map(({ name, bytes }) => [name, bytes])),
    });
}
