/** A process in a root file system of its own: an overlay over this machine's, with the mounts, the user and the limits of a container. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mount } from './file.ts';

export interface ContainerOptions {
  name: string;
  /** Folder for root and volumes, on a file system of its own. */
  work: string;
  mounts: Mount[];
  /** Paths of this machine that the image would contain, by their place in it. */
  content: Record<string, string>;
  readOnly: boolean;
  /** uid:gid */
  user: string;
  workdir: string;
  env: Record<string, string>;
  /** Names that resolve to this machine. */
  hosts: string[];
}

const mount = (...args: string[]) => execFileSync('mount', args);

function place(root: string, source: string, target: string, readOnly: boolean): void {
  const at = join(root, target);
  if (statSync(source).isDirectory()) mkdirSync(at, { recursive: true });
  else {
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, '', { flag: 'a' });
  }
  mount('--bind', source, at);
  if (readOnly) mount('-o', 'remount,ro,bind', at);
}

export class Container {
  readonly #root: string;
  readonly #options: ContainerOptions;
  #child: ChildProcess | undefined;
  output = '';

  constructor(options: ContainerOptions) {
    const { name, work, mounts, content, readOnly, user, hosts, workdir } = options;
    this.#options = options;
    const [upper, scratch, root] = ['upper', 'scratch', 'root'].map((part) => join(work, name, part)) as [
      string,
      string,
      string,
    ];
    for (const dir of [upper, scratch, root]) mkdirSync(dir, { recursive: true });
    this.#root = root;
    mount('-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${upper},workdir=${scratch}`, root);
    mkdirSync(join(root, workdir), { recursive: true });
    for (const [target, source] of Object.entries(content)) place(root, source, target, true);
    for (const { source, named, target, readOnly: ro } of mounts)
      place(root, named ? this.#volume(source, user) : source, target, ro);
    const names = join(work, name, 'hosts');
    writeFileSync(names, `127.0.0.1 localhost ${hosts.join(' ')}\n`);
    place(root, names, '/etc/hosts', true);
    for (const system of ['/proc', '/dev', '/sys']) mount('--rbind', system, join(root, system));
    if (readOnly) mount('-o', 'remount,ro,bind', this.#selfBound());
  }

  /** A bind of the root onto itself can be made read-only without the file system below it. */
  #selfBound(): string {
    mount('--rbind', this.#root, this.#root);
    return this.#root;
  }

  #volume(name: string, user: string): string {
    const dir = join(this.#options.work, 'volumes', name);
    mkdirSync(dir, { recursive: true });
    execFileSync('chown', [user, dir]);
    chmodSync(dir, 0o755);
    return dir;
  }

  #command(words: string[]): [string, string[]] {
    const { user, workdir } = this.#options;
    const [uid, gid] = user.split(':') as [string, string];
    const limits = ['--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs', '--bounding-set', '-all'];
    const shell = ['sh', '-c', 'cd "$0" && exec "$@"', workdir];
    return ['chroot', [this.#root, 'setpriv', ...limits, ...shell, ...words]];
  }

  #env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], HOME: '/nonexistent', ...this.#options.env };
  }

  start(words: string[]): void {
    const [command, args] = this.#command(words);
    const child = spawn(command, args, { env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      this.output += chunk;
    };
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', keep);
    this.#child = child;
  }

  /** Runs a command beside the process, as a health check does. Returns whether it succeeded. */
  succeeds(words: string[], env: Record<string, string> = {}): boolean {
    const [command, args] = this.#command(words);
    try {
      this.lastCheck = execFileSync(command, args, {
        env: { ...this.#env(), ...env },
        encoding: 'utf8',
        stdio: 'pipe',
      });
      return true;
    } catch (error) {
      this.lastCheck = `${(error as { stdout: string }).stdout}${(error as { stderr: string }).stderr}`;
      return false;
    }
  }
  lastCheck = '';

  /** Waits until a health check succeeds; throws with the output of the process when it has ended or time is over. */
  async healthy(words: string[], seconds = 120): Promise<void> {
    for (let i = 0; i < seconds * 5; i++) {
      if (this.succeeds(words)) return;
      if (this.#child?.exitCode !== null) break;
      await sleep(200);
    }
    throw new Error(`${this.#options.name} is not healthy: ${this.lastCheck}\n${this.output.slice(-4000)}`);
  }

  /** Sends the stop signal; the exit status, or undefined when it did not end in time. */
  async stop(signal: NodeJS.Signals, seconds: number): Promise<number | undefined> {
    const child = this.#child as ChildProcess;
    if (child.exitCode !== null) return child.exitCode;
    const ended = new Promise<number>((done) => child.once('exit', (code) => done(code ?? -1)));
    child.kill(signal);
    const status = await Promise.race([ended, sleep(seconds * 1000, undefined)]);
    if (status === undefined) child.kill('SIGKILL');
    return status;
  }
}
