import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { scratchFolder } from './paths.ts';

export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const connections = 32;
const run = promisify(execFile);

export const loadGenerator = spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'undici';

/** Requests per second, 32 connections, one request in flight on each. Anything but a 2xx is an error. */
export function load(target: Target, forMs: number): Promise<number> {
  return loadGenerator === 'wrk' ? wrk(target, forMs) : undici(target, forMs);
}

async function wrk({ url, headers, body }: Target, forMs: number): Promise<number> {
  const script = join(scratchFolder, 'request.lua');
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
  writeFileSync(script, ['wrk.method = "POST"', ...lines, `wrk.body = ${JSON.stringify(body)}`].join('\n'));
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${Math.ceil(forMs / 1000)}s`, '-s', script, url]);
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1];
  if (bad !== undefined) throw new Error(`${bad} answers of ${url} were errors`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function undici({ url, headers, body }: Target, forMs: number): Promise<number> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections });
  const startedMs = performance.now();
  let answered = 0;
  const ask = async () => {
    while (performance.now() - startedMs < forMs) {
      const answer = await pool.request({ method: 'POST', path: pathname, headers, body });
      await answer.body.dump();
      if (answer.statusCode >= 300) throw new Error(`${url} answered ${answer.statusCode}`);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, ask));
  await pool.close();
  return (answered * 1000) / (performance.now() - startedMs);
}
