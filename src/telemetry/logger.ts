import { type Logger, pino } from 'pino';

export type { Logger };

export interface LoggerOptions {
  level: string;
  /** Destination of the lines: standard output, or a test's own. */
  destination?: { write(line: string): void };
}

/** An API key anywhere in a line: in an address, in a message. Its visible prefix stays. */
const SECRET = /(clipn_[0-9A-Za-z]{10}_)[0-9A-Za-z]{20,}/g;

/** The password in an address, such as that of a database. */
const PASSWORD = /(:\/\/[^\s:/?#"@]*:)[^\s"]*(?=@)/g;

const scrubbed = (line: string) => line.replace(SECRET, '$1[redacted]').replace(PASSWORD, '$1[redacted]');

/**
 * JSON lines on standard output. Image content is never logged: bodies are not logged, and headers with
 * secrets are removed.
 */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service: 'clipn-gate' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: scrubbed },
      redact: {
        paths: ['req.headers.authorization', 'req.headers.cookie', 'req.headers["x-api-key"]', '*.bytes', '*.data'],
        remove: true,
      },
    },
    destination ?? pino.destination(1),
  );
}
