/** docker/compose.yaml and the Dockerfile of the service, as far as they decide how processes run. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../paths.ts';

const DOCKER = join(ROOT, 'docker');

export interface ComposeService {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[]; retries: number };
}

/** A mount of a service: a file of the checkout, or a named volume. */
export interface Mount {
  source: string;
  named: boolean;
  target: string;
  readOnly: boolean;
}

const interpolated = (text: string, env: Record<string, string>): string =>
  text.replaceAll(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, standard = '') => env[name] || standard);

/** The services, with variables replaced by these or by their defaults. */
export function composeServices(env: Record<string, string> = {}): Record<string, ComposeService> {
  return parse(interpolated(readFileSync(join(DOCKER, 'compose.yaml'), 'utf8'), env)).services;
}

export const mountsOf = ({ volumes = [] }: ComposeService): Mount[] =>
  volumes.map((volume) => {
    const [source = '', target = '', flags = ''] = volume.split(':');
    const named = !source.startsWith('.');
    return { source: named ? source : resolve(DOCKER, source), named, target, readOnly: flags === 'ro' };
  });

/** Names in the order in which they start: every service after those that it depends on. */
export function startOrder(services: Record<string, ComposeService>): string[] {
  const order: string[] = [];
  const visit = (name: string) => {
    if (order.includes(name)) return;
    for (const needed of Object.keys(services[name]?.depends_on ?? {})) visit(needed);
    order.push(name);
  };
  for (const name of Object.keys(services)) visit(name);
  return order;
}

export interface ImageSettings {
  env: Record<string, string>;
  user: string;
  workdir: string;
  command: string[];
  health: string[];
  stopSignal: NodeJS.Signals;
}

/** The last stage of docker/Dockerfile. */
export function serviceImage(): ImageSettings {
  const text = readFileSync(join(DOCKER, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  const stage = text.slice(text.lastIndexOf('\nFROM '));
  const line = (pattern: RegExp): string => {
    const [, found] = pattern.exec(stage) ?? [];
    if (found === undefined) throw new Error(`docker/Dockerfile has no line ${pattern}`);
    return found;
  };
  const env = Object.fromEntries(
    [...line(/^ENV (.*)$/m).matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name as string, value as string]),
  );
  return {
    env,
    user: line(/^USER (.*)$/m),
    workdir: line(/^WORKDIR (.*)$/m),
    command: [...JSON.parse(line(/^ENTRYPOINT (.*)$/m)), ...JSON.parse(line(/^CMD (.*)$/m))],
    health: JSON.parse(line(/^HEALTHCHECK .*CMD (\[.*)$/m)),
    stopSignal: line(/^STOPSIGNAL (.*)$/m) as NodeJS.Signals,
  };
}
