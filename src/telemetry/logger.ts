import { type Logger, pino } from 'pino';

export type { Logger };

export interface LoggerOptions {
  level: string;
  /** Where lines go; standard output unless a test listens. */
  destination?: { write(line: string): void };
}

/** An API key wherever it may have got to: in an address, in a message. Its visible part stays. */
const SECRET = /(clipn_[0-9A-Za-z]{10}_)[0-9A-Za-z]{20,}/g;

/** The password in an address, such as that of a database. */
const PASSWORD = /(:\/\/[^\s:/?#"@]*:)[^\s"]*(?=@)/g;

const scrubbed = (line: string) => line.replace(SECRET, '$1[redacted]').replace(PASSWORD, '$1[redacted]');

/**
 * JSON lines on standard output. What an image shows never gets here: bodies are not logged, and headers that carry
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
