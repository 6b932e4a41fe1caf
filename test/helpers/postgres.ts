import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { until } from './service.ts';

const run = promisify(execFile);

/** Where Debian and others keep the server's programs; the newest is taken. */
function binaries(): string | undefined {
  const given = process.env['CLIPN_TEST_POSTGRES'];
  if (given) return given;
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((v) => join(root, v, 'bin')), '/usr/local/bin', '/usr/bin'].find((dir) =>
    existsSync(join(dir, 'initdb')),
  );
}

const BIN = binaries();
/** Folder of the server's programs. */
export const postgresPrograms = BIN;

/** Reason to skip a test in its name, or false. */
export const withoutPostgres = BIN ? false : 'needs a PostgreSQL server (apt-get install postgresql), there is none';

/** PostgreSQL refuses to run as root: then it runs as a user without rights. */
async function owner(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => (await run('id', [flag, user])).stdout));
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      // no such user here
    }
  }
  throw new Error('run the tests as another user than root: there is neither postgres nor nobody');
}

/** A PostgreSQL server of its own in a temporary directory. */
export class PostgresServer {
  readonly #dir: string;
  readonly #port: number;
  readonly #owner: { uid: number; gid: number } | undefined;
  #child: ChildProcess | undefined;
  #databases = 0;

  private constructor(dir: string, port: number, who: { uid: number; gid: number } | undefined) {
    this.#dir = dir;
    this.#port = port;
    this.#owner = who;
  }

  /** `parent` holds its directory. */
  static async start(parent = tmpdir()): Promise<PostgresServer> {
    const dir = mkdtempSync(join(parent, 'clipn-gate-postgres-'));
    const who = await owner();
    if (who) chownSync(dir, who.uid, who.gid);
    const args = ['-D', join(dir, 'data'), '-U', 'clipn', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run(join(BIN as string, 'initdb'), args, { cwd: dir, ...who });
    const server = new PostgresServer(dir, await freePort(), who);
    await server.resume();
    return server;
  }

  /** With a long time-out for connections: a machine whose cores are busy may take longer than the three seconds that are the default. */
  url(database = 'postgres'): string {
    return `postgres://clipn@127.0.0.1:${this.#port}/${database}?connect_timeout=60`;
  }

  /** An empty database; gives its address. */
  async database(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  async query(sql: string, database?: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(this.url(database));
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Starts the server, again after `halt`; resolves when it answers. */
  async resume(): Promise<void> {
    // our processes are what is killed here, not the server: it need not flush
    const settings = { port: this.#port, unix_socket_directories: this.#dir, max_connections: 60, fsync: 'off' };
    const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const child = spawn(join(BIN as string, 'postgres'), ['-D', join(this.#dir, 'data'), ...flags], {
      cwd: this.#dir,
      stdio: 'ignore',
      ...this.#owner,
    });
    this.#child = child;
    await until('PostgreSQL answers', 30_000, () => {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
      return this.query('select 1').then(
        () => true,
        () => false,
      );
    });
  }

  /** Stops the server; every connection is cut. */
  async halt(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Process ids of the server and of its children; none when it has ended. */
  get pids(): number[] {
    const { pid, exitCode, signalCode } = this.#child ?? {};
    if (pid === undefined || exitCode !== null || signalCode !== null) return [];
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return [pid, ...children.filter(Boolean).map(Number)];
  }

  /** Cuts all connections of clients; the server continues. */
  async cutConnections(): Promise<void> {
    await this.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()');
  }

  async stop(): Promise<void> {
    await this.halt('SIGQUIT');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
