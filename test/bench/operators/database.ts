import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer } from '../../helpers/postgres.ts';

const RESTART_MS = 1000;
const CHECK_MS = 300;

/** PostgreSQL that is started again whenever it has ended, unless it is kept down. */
export class Database {
  readonly server: PostgresServer;
  #down = false;
  #watched = true;

  private constructor(server: PostgresServer) {
    this.server = server;
    void this.#watch();
  }

  /** `parent` holds its files. */
  static async start(parent: string): Promise<Database> {
    const server = await PostgresServer.start(parent);
    // so that its log of changes fits a small disk
    for (const setting of ["max_wal_size = '96MB'", "min_wal_size = '32MB'"])
      await server.query(`alter system set ${setting}`);
    await server.query('select pg_reload_conf()');
    return new Database(server);
  }

  /** Ends it as a machine that loses its power, and starts it again after a time. */
  async lose(ms: number): Promise<void> {
    this.#down = true;
    await this.server.halt('SIGKILL');
    await sleep(ms);
    this.#down = false;
    await this.#answers();
  }

  /** Stops all its processes for a time. */
  async freeze(ms: number): Promise<void> {
    const { pids } = this.server;
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await sleep(ms);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await this.#answers();
  }

  async stop(): Promise<void> {
    this.#watched = false;
    await this.server.stop();
  }

  async #answers(): Promise<void> {
    while (!(await this.server.query('select 1').then(Boolean, () => false))) await sleep(CHECK_MS);
  }

  async #watch(): Promise<void> {
    while (this.#watched) {
      await sleep(CHECK_MS);
      if (this.#down || !this.#watched || this.server.pids.length > 0) continue;
      await sleep(RESTART_MS);
      // a killed server leaves children that hold its memory for a moment: then the start fails, and is tried again
      if (this.#watched) await this.server.resume().catch(() => {});
    }
  }
}
