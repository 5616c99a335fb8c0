import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { youngSpaceFlag } from '../cli/young-space.ts';
import { type Child, eventually, startChild } from './child.ts';
import { cliFile, handlersFolder, scratchFolder } from './paths.ts';

/** The real server, started, deployed to and fed as a user does it. */
export interface FaasServer {
  readonly pid: number;
  readonly gatewayUrl: string;
  readonly token: string;
  /** A file that handlers may append lines to; its path is `${OUT}` in the manifest. */
  readonly out: string;
  /** `faas deploy` of a project of this manifest with all handlers beside it. `edit` changes the text of a handler. */
  deploy(manifest: string, edit?: (handler: string) => string): Promise<void>;
  /** One command of the CLI against it; throws with what it said when it fails. */
  cli(...args: readonly string[]): Promise<string>;
  /** Appends in requests of `size`, several at a time; resolves when all are durable. */
  emit(stream: string, events: readonly BenchEvent[], size?: number): Promise<void>;
  /** Sum of all series of a metric whose labels hold `label`. */
  metric(name: string, label?: string): Promise<number>;
  /** Lines of `out` so far. */
  lines(): readonly string[];
  get(path: string): Promise<unknown>;
  put(path: string, body: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export interface BenchEvent {
  readonly key: string | null;
  readonly data: unknown;
}

const run = promisify(execFile);
/** Enough that senders at an even rate never wait for one another. */
const connections = 32;
const profileFolder = process.env.FAAS_BENCH_PROFILE;
const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];

/** `settings`: as flags, without the dashes. */
export async function startFaas(settings: Readonly<Record<string, string>> = {}): Promise<FaasServer> {
  const folder = mkdtempSync(join(scratchFolder, 'data-'));
  const data = join(folder, 'faas');
  const out = join(folder, 'out.txt');
  writeFileSync(out, '');
  const all: Readonly<Record<string, string>> = { data, 'admin-port': '0', 'gateway-port': '0', 'log-level': 'warn', ...settings };
  const flags = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  // As `faas up` starts itself again where Node can.
  const young = all.pods === 'kubernetes' ? [] : [youngSpaceFlag];
  const child = startChild(process.execPath, [...young, ...profiling, cliFile, 'up', ...flags], { NO_COLOR: '1' });
  const listening = eventually('the server listens', () => readServerFile(data));
  const { adminUrl, gatewayUrl } = await Promise.race([listening, child.ended]).catch(async error => {
    await child.stop();
    throw new Error(`${error}\n${child.log()}`);
  });
  const token = readFileSync(join(data, 'token'), 'utf8').trim();
  const pool = new Pool(adminUrl, { connections });
  const ask = asker(pool, token, child);
  const cli = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, OUT: out, NO_COLOR: '1' };
    return (await run(process.execPath, [cliFile, ...args, `--data=${data}`], { env })).stdout;
  };
  return {
    pid: child.pid,
    gatewayUrl,
    token,
    out,
    cli,
    async deploy(manifest, edit) {
      await cli('deploy', `--file=${writeProject(folder, manifest, edit)}`, '--timeout=15m');
    },
    async emit(stream, events, size = 1000) {
      const chunks = Array.from({ length: Math.ceil(events.length / size) }, (_, index) => events.slice(index * size, (index + 1) * size));
      const path = `/v1/streams/${stream.replace('.', '/')}/events`;
      // One sender: a second one would change the order of events of a key.
      for (const chunk of chunks) await ask('POST', path, { events: chunk });
    },
    async metric(name, label = '') {
      return sumOf(String(await ask('GET', '/metrics')), name, label);
    },
    lines: () => readFileSync(out, 'utf8').split('\n').slice(0, -1),
    get: path => ask('GET', path),
    put: (path, body) => ask('PUT', path, body),
    async stop() {
      await pool.destroy();
      await child.stop();
    },
  };
}

function readServerFile(data: string): { readonly adminUrl: string; readonly gatewayUrl: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(data, 'server.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

let projects = 0;

function writeProject(folder: string, manifest: string, edit: (handler: string) => string = text => text): string {
  projects += 1;
  const project = join(folder, `project-${projects}`);
  mkdirSync(project);
  cpSync(handlersFolder, project, { recursive: true });
  for (const [, handler] of manifest.matchAll(/handler: (\S+\.ts)/g)) {
    if (handler !== undefined) writeFileSync(join(project, handler), edit(readFileSync(join(project, handler), 'utf8')));
  }
  writeFileSync(join(project, 'faas.yaml'), manifest);
  return project;
}

function asker(pool: Pool, token: string, child: Child) {
  return async (method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await Promise.race([
      pool.request({ method, path, headers, body: body === undefined ? null : JSON.stringify(body) }),
      child.ended,
    ]);
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
    return answer.headers['content-type']?.includes('json') ? JSON.parse(text) : text;
  };
}

function sumOf(exposition: string, name: string, label: string): number {
  const series = exposition
    .split('\n')
    .filter(line => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label));
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
