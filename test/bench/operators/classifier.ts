import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Busboy } from '@fastify/busboy';
import sharp from 'sharp';

/** By the strongest channel of the mean colour: enough for a label that depends on the pixels. */
async function classify(image: Uint8Array): Promise<string> {
  const { channels } = await sharp(image).resize(32, 32, { fit: 'fill' }).removeAlpha().toColourspace('srgb').stats();
  const means = channels.map((c) => c.mean);
  return ['reddish', 'greenish', 'bluish'][means.indexOf(Math.max(...means))] ?? 'grey';
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function imagesOf(request: IncomingMessage): Promise<Buffer[]> {
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/json')) {
    const { instances } = JSON.parse((await bytesOf(request)).toString()) as { instances: { b64: string }[] };
    return instances.map(({ b64 }) => Buffer.from(b64, 'base64'));
  }
  if (!type.startsWith('multipart/')) return [await bytesOf(request)];
  const parts: Promise<Buffer>[] = [];
  const form = new Busboy({ headers: { ...request.headers, 'content-type': type } });
  form.on('file', (_name, stream) => parts.push(bytesOf(stream as AsyncIterable<Uint8Array>)));
  await new Promise((resolve, reject) => {
    form.on('finish', resolve).on('error', reject);
    request.pipe(form);
  });
  return Promise.all(parts);
}

/** The server behind the gate: labels every image of a raw body, of a form or of `instances`. */
export class Classifier {
  /** Pause before each answer. */
  delayMs = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.on('error', () => {});
      this.#answer(request).then(
        (predictions) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ predictions })),
        () => response.writeHead(400).end(),
      );
    });
  }

  static async start(): Promise<Classifier> {
    const classifier = new Classifier();
    await new Promise<void>((resolve) => classifier.#server.listen(0, '127.0.0.1', resolve));
    return classifier;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage): Promise<string[]> {
    const images = await imagesOf(request);
    await sleep(this.delayMs);
    return Promise.all(images.map(classify));
  }
}
