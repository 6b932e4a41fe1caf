import type { Command } from 'commander';
import type { ServiceClient } from './tenants/client.ts';

/** Options that all commands share. */
export interface Connection {
  url?: string;
  key?: string;
  json?: boolean;
}

/** Declares a command of a group with the options that all commands share. */
export type Declare = (name: string, description: string) => Command;

/** Flags take precedence over environment variables. */
export async function clientOf({ url, key }: Connection): Promise<ServiceClient> {
  const { ServiceClient } = await import('./tenants/client.ts');
  const { CLIPN_URL, CLIPN_API_KEY } = process.env;
  return new ServiceClient(url ?? (CLIPN_URL || 'http://127.0.0.1:8080'), key ?? (CLIPN_API_KEY || undefined));
}

/** Adds the options of every command that works on a running service. */
export function withConnection(command: Command): Command {
  return command
    .option('--url <url>', 'the service (CLIPN_URL, default http://127.0.0.1:8080)')
    .option('--key <key>', 'an API key; prefer CLIPN_API_KEY, because other users of the machine can see flags')
    .option('--json', 'one JSON object per line, for programs');
}
