import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLogger } from '../../src/telemetry/logger.ts';

it('on a terminal a log line has the message first, no JSON, and no control characters', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', pretty: true, destination: { write: (line) => lines.push(line) } });
  logger.info({ address: 'http://127.0.0.1:8080', engine: {} }, 'ready: http://127.0.0.1:8080 (open it in a browser)');
  logger.warn({ file: 'a\u001b[2Jb', tries: 3 }, 'file skipped');
  logger.error({ err: new Error('broken') }, 'it failed');
  assert.match(lines[0] as string, /^\d\d:\d\d:\d\d {2}ready: http:\/\/127\.0\.0\.1:8080 \(open it in a browser\)\n$/);
  assert.match(lines[1] as string, /^\d\d:\d\d:\d\d {2}WARN {2}file skipped {2}file=a \[2Jb {2}tries=3\n$/);
  assert.match(lines[2] as string, /ERROR {2}it failed {2}err=broken\n$/);
});
