/** Fields that every line has, or that the pretty form shows in another place. */
const LEFT_OUT = new Set(['level', 'time', 'service', 'msg', 'reqId', 'trace_id', 'span_id']);
const MOST_FIELD = 120;

/** The value of a field as a person reads it: texts without quotation marks, errors by their message. */
function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : typeof value === 'object' && value !== null && 'stack' in value && 'message' in value
        ? String(value.message)
        : JSON.stringify(value);
  return text.length <= MOST_FIELD ? text : `${text.slice(0, MOST_FIELD)}...`;
}

/** Control characters, which a terminal would interpret instead of showing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** A JSON log line in the form for a terminal: time of day, level unless info, message, and the other fields. */
export function prettyLine(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = String(msg).startsWith('ready: ')
    ? []
    : Object.entries(rest).filter(([name, value]) => !LEFT_OUT.has(name) && value !== undefined && value !== null);
  const parts = [
    new Date(String(time)).toTimeString().slice(0, 8),
    ...(level === 'info' ? [] : [String(level).toUpperCase()]),
    String(msg ?? ''),
    ...fields.map(([name, value]) => `${name}=${shown(value)}`),
  ];
  return `${parts.join('  ').replaceAll(CONTROL, ' ')}\n`;
}
