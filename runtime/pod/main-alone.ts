import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { announce } from './announce.ts';
import { ParentStream } from './parent-stream.ts';
import { createPod } from './pod.ts';
import { answerJson, readBody } from './pod-server.ts';

/**
 * A pod that is nobody's child process: what it needs to know to be reached stands in its environment, which holds no secret, and its parent attaches to it over the
 * wire (docs/wire.md). It ends when no parent has been heard of for a while.
 */
const text = (name: string): string => process.env[`FAAS_POD_${name}`] ?? '';
const number = (name: string): number => Number(text(name));
const bootId = text('BOOT_ID');
const graceMs = number('GRACE_MS');
const orphanMs = number('ORPHAN_MS');
const orphanCheckMs = 500;
const attachBytesMax = 4_096;

const parent = new ParentStream(performance.now());
const pod = createPod({
  bootId,
  memoryBytes: number('MEMORY_BYTES'),
  workerFile: join(dirname(process.argv[1] ?? ''), 'pod-worker.cjs'),
  rssBytes: () => process.memoryUsage.rss(),
  output: (stream, text) => {
    process[stream].write(text);
    parent.say({ kind: 'output', stream, text });
  },
  ending: reason => {
    parent.say({ kind: 'exit', reason });
    parent.end();
  },
  exit: (reason, threadsLeft) => {
    if (threadsLeft) process.kill(process.pid, 'SIGKILL');
    process.exit(reason === 'stopped' ? 0 : 1);
  },
  seen: () => parent.seen(performance.now()),
  more,
});
const secret = { kind: 'hash', text: text('TOKEN_SHA256') } as const;
pod.admit({ secret, callbackUrl: '' });

process.on('SIGTERM', () => drain(graceMs));
setInterval(() => {
  if (parent.aloneMs(performance.now()) > orphanMs) drain(graceMs);
}, orphanCheckMs);
void start();

async function start(): Promise<void> {
  const [ip, url] = [text('IP'), text('ANNOUNCE_URL')];
  await pod.listen(ip.includes(':') ? '::' : '0.0.0.0', number('PORT'));
  if (url !== '') await announce({ url, tokenFile: text('IDENTITY_FILE'), bootId, ip }, () => parent.isAttached);
}

/** The parent hears of it before a batch is refused. */
function drain(withinMs: number): void {
  parent.say({ kind: 'draining' });
  pod.stop(withinMs);
}

function more(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method !== 'POST') return false;
  switch (request.url) {
    case '/v1/attach':
      readBody(request, response, attachBytesMax, bytes => {
        const callbackUrl = fieldOf(bytes, 'callbackUrl');
        if (typeof callbackUrl !== 'string') throw new Error('callbackUrl: a text');
        pod.admit({ secret, callbackUrl });
        parent.attach(response);
      });
      return true;
    case '/v1/stop':
      readBody(request, response, attachBytesMax, bytes => {
        const withinMs = fieldOf(bytes, 'graceMs');
        if (typeof withinMs !== 'number') throw new Error('graceMs: a number');
        answerJson(response, 202, {});
        pod.stop(withinMs);
      });
      return true;
    case '/v1/kill':
      pod.destroy();
      process.kill(process.pid, 'SIGKILL');
      return true;
    default:
      return false;
  }
}

function fieldOf(bytes: Uint8Array, name: string): unknown {
  const body: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
}
