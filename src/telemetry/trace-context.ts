/** The trace ids in log lines. */
export interface TraceIds {
  trace_id: string;
  /** Id of this service's span, or of the caller's span if this service makes none. */
  span_id: string;
}

export interface TraceParent extends TraceIds {
  sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Parses a W3C traceparent; undefined if it is invalid, because a caller's mistake must not start a trace. */
export function readTraceparent(header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, trace_id = '', span_id = '', flags = '', more] = TRACEPARENT.exec(header.trim()) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  // version 00 has four parts; later versions may append unknown ones
  if (version === '00' && more !== undefined) return undefined;
  if (/^0+$/.test(trace_id) || /^0+$/.test(span_id)) return undefined;
  return { trace_id, span_id, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
