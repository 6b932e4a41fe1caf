// Loaded into the front process by NODE_OPTIONS. At every SIGWINCH it writes to the file FRONT_TIMES_FILE what has happened since the last one:
// milliseconds from the head of each request until its answer was handed to the kernel, by status; pauses of the garbage collector; delays of the event loop.
import { subscribe } from 'node:diagnostics_channel';
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

const file = process.env.FRONT_TIMES_FILE;
if (file && process.argv[1]?.endsWith('main.js')) {
  // the processes and threads that the front starts are not measured
  delete process.env.FRONT_TIMES_FILE;
  const started = new WeakMap();
  let statuses = {};
  let pauses = [];
  subscribe('http.server.request.start', ({ request }) => started.set(request, performance.now()));
  subscribe('http.server.response.finish', ({ request, response }) => {
    statuses[response.statusCode] ??= [];
    statuses[response.statusCode].push(performance.now() - started.get(request));
  });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration);
  }).observe({ entryTypes: ['gc'] });
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  process.on('SIGWINCH', () => {
    const loopMs = { p50: loop.percentile(50) / 1e6, p99: loop.percentile(99) / 1e6 };
    writeFileSync(`${file}.part`, JSON.stringify({ statuses, pauses, loopMs }));
    renameSync(`${file}.part`, file);
    statuses = {};
    pauses = [];
    loop.reset();
  });
}
