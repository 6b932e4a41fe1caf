/** A client with little to do, in a process of its own: its latencies do not contain the event loop of the client that floods. Prints them as JSON. */
import { openLoop } from './loops.ts';
import { photographsOrMade, request } from './pictures.ts';

const [url = '', rate, seconds] = process.argv.slice(2);
const { jpegs } = await photographsOrMade();
const load = { rate: Number(rate), seconds: Number(seconds) };
const { latencies } = await openLoop(url, load, (i) => request(jpegs[i % jpegs.length] as Buffer));
process.stdout.write(JSON.stringify(Object.fromEntries(latencies)));
