import { type Logger, pino } from 'pino';
import { GroupedLines } from './grouped-lines.ts';
import { prettyLine } from './pretty.ts';

export type { Logger };

export interface LoggerOptions {
  level: string;
  /** Destination of the lines: standard output, or a test's own. */
  destination?: { write(line: string): void };
  /** Whether lines are written for a person instead of for programs. */
  pretty?: boolean;
}

/** An API key anywhere in a line: in an address, in a message. Its visible prefix stays. */
const SECRET = /(clipn_[0-9A-Za-z]{10}_)[0-9A-Za-z]{20,}/g;

/** The password in an address, such as that of a database. */
const PASSWORD = /(:\/\/[^\s:/?#"@]*:)[^\s"]*(?=@)/g;

const scrubbed = (line: string) => shortened(line.replace(SECRET, '$1[redacted]').replace(PASSWORD, '$1[redacted]'));

/** Bytes of a line: what a request says must not decide how much of it is kept. */
const MOST_LINE = 16 * 1024;
const MOST_VALUE = 1000;

/** A line that is too long, with what makes it so cut off. */
function shortened(line: string): string {
  if (line.length <= MOST_LINE && Buffer.byteLength(line) <= MOST_LINE) return line;
  const entries = Object.entries(JSON.parse(line) as Record<string, unknown>).slice(0, 32);
  const short = entries.map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    // a character may take six bytes as an escape
    return [name.slice(0, 64), text.length <= MOST_VALUE / 4 ? value : `${text.slice(0, MOST_VALUE / 4)}...`];
  });
  const cut = JSON.stringify({ ...Object.fromEntries(short), cut: line.length });
  return `${cut.length <= MOST_LINE ? cut : JSON.stringify({ level: 'warn', msg: 'a log line was too long', cut: line.length })}\n`;
}

/**
 * JSON lines on standard output, or readable ones where a terminal shows them. Image content is never logged: bodies are not logged, and headers with
 * secrets are removed.
 */
export function createLogger({ level, destination, pretty = false }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service: 'clipn-gate' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: pretty ? (line) => prettyLine(scrubbed(line)) : scrubbed },
      redact: {
        paths: ['req.headers.authorization', 'req.headers.cookie', 'req.headers["x-api-key"]', '*.bytes', '*.data'],
        remove: true,
      },
    },
    destination ?? standardOutput(pretty),
  );
}

/** Synchronous, so that the last lines of a process that fails are not lost. A person at a terminal sees each line at once. */
function standardOutput(pretty: boolean): { write(line: string): unknown } {
  const output = pino.destination(1);
  if (pretty) return output;
  const lines = new GroupedLines(output);
  process.on('exit', () => lines.flush());
  return lines;
}
