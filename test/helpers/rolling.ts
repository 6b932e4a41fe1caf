import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type Post } from '../bench/load/connection.ts';
import { Outcomes } from '../bench/load/outcomes.ts';
import { Balancer } from './balancer.ts';
import { temporaryDirectory } from './paths.ts';
import { type Service, startService, until } from './service.ts';

const REPLICAS = 3;
/** As long as the balancer above them takes to notice, and a margin. */
const SETTINGS = { CLIPN_DRAIN_DELAY_MS: '1500' };

export interface Rolling {
  restarts: number;
  clients: number;
  /** Pause of a client between two requests. */
  pauseMs: number;
  next(i: number): Post;
  onRestart?(done: number, outcomes: Outcomes): void;
}

/**
 * Three services behind a balancer, clients that send all the while, and one service after the other ended by SIGTERM and started again.
 * Every other client keeps its connection; the rest make one for each request.
 */
export async function rollingRestarts(t: Pick<TestContext, 'after'>, rolling: Rolling): Promise<Outcomes> {
  const balancer = await Balancer.start();
  t.after(() => balancer.close());
  const dirs = await Promise.all(Array.from({ length: REPLICAS }, () => temporaryDirectory(t)));
  const start = async (i: number): Promise<Service> => {
    const service = await startService(t, dirs[i] as string, SETTINGS);
    balancer.add(service.url);
    await until('the balancer sees it', 10_000, () => balancer.listed.includes(service.url));
    return service;
  };
  const services = await Promise.all(dirs.map((_, i) => start(i)));

  const outcomes = new Outcomes();
  let running = true;
  let sent = 0;
  const client = async (keeps: boolean) => {
    let connection = new Connection(balancer.url);
    while (running) {
      const began = performance.now();
      const reply = await connection.post(rolling.next(sent++)).catch((error) => ({ status: 0, body: String(error) }));
      outcomes.add(reply, performance.now() - began);
      if (!keeps) {
        connection.close();
        connection = new Connection(balancer.url);
      }
      await sleep(rolling.pauseMs);
    }
    connection.close();
  };
  const clients = Promise.all(Array.from({ length: rolling.clients }, (_, i) => client(i % 2 === 0)));
  for (let done = 0; done < rolling.restarts; done++) {
    const i = done % REPLICAS;
    const old = services[i] as Service;
    old.child.kill('SIGTERM');
    const code = await old.exited;
    if (code !== 0) throw new Error(`a service ended with ${code}`);
    balancer.remove(old.url);
    services[i] = await start(i);
    rolling.onRestart?.(done + 1, outcomes);
  }
  running = false;
  await clients;
  return outcomes;
}
