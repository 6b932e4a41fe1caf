import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { GroupedLines } from '../../src/telemetry/grouped-lines.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

describe('grouped log lines', () => {
  let writes: string[];
  let lines: GroupedLines;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    writes = [];
    lines = new GroupedLines({ write: (text) => writes.push(text) });
  });

  afterEach(() => mock.timers.reset());

  const info = (n: number) => `{"level":"info","n":${n}}\n`;

  it('writes the first line at once and those of the next 50 ms together', () => {
    for (const n of [1, 2, 3]) lines.write(info(n));
    assert.deepEqual(writes, [info(1)]);
    mock.timers.tick(50);
    assert.deepEqual(writes, [info(1), info(2) + info(3)]);
    mock.timers.tick(50);
    lines.write(info(4));
    assert.equal(writes.at(-1), info(4));
  });

  it('writes a warning at once, behind the lines before it', () => {
    lines.write(info(1));
    lines.write(info(2));
    const warning = '{"level":"warn","msg":"x"}\n';
    lines.write(warning);
    assert.deepEqual(writes, [info(1), info(2) + warning]);
  });

  it('writes what it holds when it is flushed, and nothing twice', () => {
    lines.write(info(1));
    lines.write(info(2));
    lines.flush();
    lines.flush();
    mock.timers.tick(100);
    assert.deepEqual(writes, [info(1), info(2)]);
  });

  it('does not hold more than 64 KiB', () => {
    lines.write(info(1));
    for (let n = 0; n < 100; n++) lines.write(`{"level":"info","text":"${'x'.repeat(1000)}"}\n`);
    assert.equal(writes.length, 2);
  });

  it('knows the levels of the lines that the logger writes', () => {
    const logger = createLogger({ level: 'info', destination: lines });
    logger.info('one');
    logger.info('two');
    assert.equal(writes.length, 1);
    logger.error('three');
    assert.equal(writes.length, 2);
  });
});
