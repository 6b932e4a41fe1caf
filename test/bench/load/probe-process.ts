/**
 * A client with little to do, in a process of its own: its latencies do not contain the event loop of the client that floods. It warms itself for
 * a second, prints a line, waits for the end of its input, asks, and prints the latencies by status as JSON.
 */
import { text } from 'node:stream/consumers';
import { openLoop } from './loops.ts';
import { photographsOrMade, request } from './pictures.ts';

const [url = '', rate, seconds, tenant] = process.argv.slice(2);
const query = tenant === undefined ? '' : `?tenant=${tenant}`;
const { jpegs } = await photographsOrMade();
const next = (i: number) => request(jpegs[i % jpegs.length] as Buffer, query);
await openLoop(url, { rate: Number(rate), seconds: 1 }, next);
process.stdout.write('ready\n');
await text(process.stdin);
const { latencies } = await openLoop(url, { rate: Number(rate), seconds: Number(seconds) }, next);
process.stdout.write(`${JSON.stringify(Object.fromEntries(latencies))}\n`);
