import { Connection, type Post, type Reply } from './connection.ts';
import { Outcomes } from './outcomes.ts';

const broken = (error: unknown): Reply => ({ status: 0, body: String(error) });

/** Clients that send the next image as soon as the last is answered: throughput, and latency at that concurrency. */
export async function closedLoop(
  url: string,
  concurrency: number,
  seconds: number,
  next: (i: number) => Post,
  outcomes = new Outcomes(),
): Promise<Outcomes> {
  const until = performance.now() + seconds * 1000;
  let i = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      const connection = new Connection(url);
      while (performance.now() < until) {
        const began = performance.now();
        const reply = await connection.post(next(i++)).catch(broken);
        outcomes.add(reply, performance.now() - began);
        // a refused connection would otherwise be tried again without end
        if (reply.status === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      connection.close();
    }),
  );
  return outcomes;
}

export interface OpenLoad {
  /** Requests per second, evenly spaced. */
  rate: number;
  seconds: number;
  /** Connections at most; a request that finds none free waits, and the wait counts as its latency. */
  maxConnections?: number;
}

/**
 * Requests that come at their own times whatever the service does. Latency counts from the time a request was meant to be
 * sent, so a stall is charged to every request it held up (no coordinated omission).
 */
export async function openLoop(
  url: string,
  { rate, seconds, maxConnections = 1024 }: OpenLoad,
  next: (i: number) => Post,
  outcomes = new Outcomes(),
): Promise<Outcomes> {
  const total = Math.round(rate * seconds);
  if (total === 0) return outcomes;
  const idle: Connection[] = [];
  const all: Connection[] = [];
  const waiting: number[] = [];
  const start = performance.now();
  const due = (i: number) => start + (i * 1000) / rate;
  let answered = 0;

  await new Promise<void>((resolve) => {
    const send = async (connection: Connection, first: number) => {
      for (let i: number | undefined = first; i !== undefined; i = waiting.shift()) {
        const reply = await connection.post(next(i)).catch(broken);
        outcomes.add(reply, performance.now() - due(i));
        if (++answered === total) resolve();
      }
      idle.push(connection);
    };
    const dispatch = (i: number) => {
      let connection = idle.pop();
      if (!connection && all.length < maxConnections) {
        connection = new Connection(url);
        all.push(connection);
      }
      if (connection) void send(connection, i);
      else waiting.push(i);
    };
    let i = 0;
    const tick = () => {
      while (i < total && due(i) <= performance.now()) dispatch(i++);
      // timers are a millisecond coarse: what came due meanwhile goes at once, counted from its own time
      if (i < total) setTimeout(tick, Math.max(0, due(i) - performance.now()));
    };
    tick();
  });
  for (const connection of all) connection.close();
  return outcomes;
}
