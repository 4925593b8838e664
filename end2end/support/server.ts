import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { Api } from './api';

/** Somebody who can sign in. */
export interface Account {
  email: string;
  password: string;
}

const admin: Account = { email: 'ada@example.com', password: 'correct horse battery staple' };

export interface InstanceOptions {
  /** Tells datasets apart: instances with different names are never shared between tests. */
  name: string;
  database?: 'sqlite' | 'postgres';
  /** With the admin of `admin`, with the example organization, or as new as on the first day. */
  start?: 'admin' | 'demo' | 'new';
}

/** A real server with a database of its own, which goes with it. */
export class Server {
  /** What it has logged so far. */
  log = '';
  private process?: ChildProcess;
  private enteredAs?: Promise<{ name: string; value: string }>;
  private loggedInAs?: Promise<Api>;

  private constructor(
    readonly url: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly args: string[],
    private readonly removeData: () => Promise<void>,
  ) {}

  static async start({ database = 'sqlite', start = 'admin' }: InstanceOptions): Promise<Server> {
    const port = await freePort();
    const data = database === 'sqlite' ? sqliteData() : await postgresData();
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      LATCHKEY_ADDR: `127.0.0.1:${port}`,
      LATCHKEY_DATABASE_URL: data.url,
      LATCHKEY_LOG: 'info',
      // Tests make thousands of things in a moment.
      LATCHKEY_API_RATE_LIMIT: '0',
      NO_COLOR: '1',
    };
    if (start === 'admin') {
      env.LATCHKEY_BOOTSTRAP_ADMIN_EMAIL = admin.email;
      env.LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD = admin.password;
    }
    const server = new Server(`http://127.0.0.1:${port}`, env, start === 'demo' ? ['--demo'] : [], data.remove);
    await server.launch();
    return server;
  }

  /** The first account; with `start: 'demo'`, the one that the server has told. */
  get account(): Account {
    const told = /Demo: \S+\s+email (\S+)\s+password (\S+)/.exec(this.log);
    return told ? { email: told[1]!, password: told[2]! } : admin;
  }

  /** The programmatic side, for the first account. */
  api(): Promise<Api> {
    return (this.loggedInAs ??= Api.login(this.url, this.account.email, this.account.password));
  }

  /** The cookie of a browser in which the first account has signed in. */
  session(): Promise<{ name: string; value: string }> {
    return (this.enteredAs ??= this.signIn());
  }

  private async signIn() {
    const response = await fetch(`${this.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: this.url },
      body: new URLSearchParams({ ...this.account }),
    });
    const cookie = /^([^=]+)=([^;]+)/.exec(response.headers.getSetCookie().find((cookie) => cookie.startsWith('latchkey=')) ?? '');
    if (!cookie) throw new Error(`can't sign in: ${response.status}`);
    return { name: cookie[1]!, value: cookie[2]! };
  }

  /** The database file or address, as `LATCHKEY_DATABASE_URL` has it. */
  get databaseUrl(): string {
    return this.env.LATCHKEY_DATABASE_URL!;
  }

  /** Starts the process, again after a `halt`, and waits until it is ready. */
  async launch(): Promise<void> {
    const child = spawn(binary(), ['serve', ...this.args], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    child.stdout.on('data', (text) => (this.log += text));
    child.stderr.on('data', (text) => (this.log += text));
    for (const end = Date.now() + 60_000; ; await new Promise((again) => setTimeout(again, 50))) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.log}`);
      if (Date.now() > end) throw new Error(`the server is not ready after 60 s:\n${this.log}`);
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) return;
    }
  }

  /** Ends the process: by `SIGTERM` it finishes what it is at, by `SIGKILL` it does not. */
  async halt(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await ended;
    clearTimeout(late);
  }

  async stop(): Promise<void> {
    await this.halt('SIGTERM');
    await this.removeData();
  }

  /** Runs another command of the program on the same database, such as `sweep`. */
  run(command: string): string {
    const { status, stdout, stderr } = spawnSync(binary(), [command], { env: this.env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`latchkey-server ${command} ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  }
}

function binary(): string {
  return process.env.LATCHKEY_SERVER_BIN ?? resolve(__dirname, '../../target/debug/latchkey-server');
}

function sqliteData() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-end2end-'));
  return {
    url: `sqlite://${join(folder, 'latchkey.db')}`,
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A database of its own on the server that `scripts/with-postgres` has started. */
async function postgresData() {
  const server = process.env.LATCHKEY_TEST_POSTGRES_URL;
  if (!server) throw new Error('LATCHKEY_TEST_POSTGRES_URL is not set: run the tests by `make test` or scripts/with-postgres');
  const name = `end2end_${process.pid}_${Date.now()}`;
  await postgres(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, remove: () => postgres(server, `DROP DATABASE ${name} WITH (FORCE)`) };
}

export async function postgres(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = createServer().once('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      listener.close(() => resolve((address as { port: number }).port));
    });
  });
}
