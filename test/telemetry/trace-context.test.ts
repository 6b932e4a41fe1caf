import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readTraceparent } from '../../src/telemetry/trace-context.ts';
import { tracesWanted } from '../../src/telemetry/tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

it('traceparent is read and written as W3C defines it', () => {
  const read = { trace_id: TRACE, span_id: SPAN };
  assert.deepEqual(readTraceparent(`00-${TRACE}-${SPAN}-01`), { ...read, sampled: true });
  assert.deepEqual(readTraceparent(`00-${TRACE}-${SPAN}-02`), { ...read, sampled: false });
  assert.deepEqual(readTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes`), { ...read, sampled: true });
  const wrong = [
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
    '',
  ];
  for (const header of wrong) assert.equal(readTraceparent(header), undefined, header);
  assert.equal(readTraceparent(undefined), undefined);
});

it('traces are sent only where the standard variables ask for it', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };
  assert.equal(tracesWanted({}), false);
  assert.equal(tracesWanted({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }), false);
  assert.equal(tracesWanted(endpoint), true);
  assert.equal(tracesWanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/v1/traces' }), true);
  assert.equal(tracesWanted({ OTEL_TRACES_EXPORTER: 'otlp' }), true);
  assert.equal(tracesWanted({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }), false);
  assert.equal(tracesWanted({ ...endpoint, OTEL_SDK_DISABLED: 'true' }), false);
});
