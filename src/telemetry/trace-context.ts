/** A trace as its log lines name it. */
export interface TraceIds {
  trace_id: string;
  /** Of this service's own span; of the caller's where none is made here. */
  span_id: string;
}

export interface TraceParent extends TraceIds {
  sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a W3C traceparent. Undefined for what is none: a caller's mistake makes no trace. */
export function readTraceparent(header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, trace_id = '', span_id = '', flags = '', more] = TRACEPARENT.exec(header.trim()) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  // version 00 has four parts; later ones may have more, of which nothing is known
  if (version === '00' && more !== undefined) return undefined;
  if (/^0+$/.test(trace_id) || /^0+$/.test(span_id)) return undefined;
  return { trace_id, span_id, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
