import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command as it is published: `npm test` builds it first. */
export const cliFile = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Undefined: standard input is empty. */
  readonly stdin?: string;
}

/** Nothing of the environment in which the tests run. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [cliFile, ...args], {
    cwd: options.cwd,
    env: { PATH, HOME, XDG_CONFIG_HOME: '/nonexistent', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.stdin ?? '');
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** Gathers a stream's text; `until` resolves as soon as the text matches. */
export function collect(stream: NodeJS.ReadableStream | null) {
  let text = '';
  const waiting = new Set<() => void>();
  stream?.setEncoding('utf8');
  stream?.on('data', part => {
    text += part;
    for (const look of waiting) look();
  });
  return {
    text: () => text,
    until: (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match !== null) {
            waiting.delete(look);
            resolve(match);
          }
        };
        waiting.add(look);
        stream?.once('end', () => reject(new Error(`${pattern} never came; there was: ${text}`)));
        look();
      }),
  };
}

/** How busy the machine is: bare node takes about 50 ms to start and end on an idle one. Bounds on wall time are stretched by it. */
export async function slowness(): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3; turn += 1) {
    const startedMs = performance.now();
    await new Promise(resolve => spawn(process.execPath, ['-e', '0']).once('close', resolve));
    bestMs = Math.min(bestMs, performance.now() - startedMs);
  }
  return Math.max(1, bestMs / 50);
}
