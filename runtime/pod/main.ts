import { dirname, join } from 'node:path';
import { createPod } from './pod.ts';

/** The pod's process: what it is told and what it says goes over the IPC channel of its parent; without a parent it ends. */
type FromParent =
  | { readonly kind: 'admit'; readonly token: string; readonly callbackUrl: string }
  | { readonly kind: 'stop'; readonly graceMs: number };

const memoryBytes = Number(process.argv[2]);
const bootId = process.argv[3] ?? '';
const host = process.argv[4] ?? '127.0.0.1';
const defaultGraceMs = 25_000;

const pod = createPod({
  bootId,
  memoryBytes,
  workerFile: join(dirname(process.argv[1] ?? ''), 'pod-worker.cjs'),
  rssBytes: () => process.memoryUsage.rss(),
  faultPoint: process.env.FAAS_POD_FAULT_POINT,
  output: (stream, text) => void process[stream].write(text),
  exit: (reason, threadsLeft) => {
    const leave = (): void => {
      if (threadsLeft) process.kill(process.pid, 'SIGKILL');
      process.exit(reason === 'stopped' ? 0 : 1);
    };
    if (process.connected) process.send?.({ kind: 'exit', reason }, leave);
    else leave();
  },
});

const admitted = new Promise<void>(resolve => {
  process.on('message', (message: FromParent) => {
    if (message.kind === 'stop') return pod.stop(message.graceMs);
    pod.admit({ secret: { kind: 'token', text: message.token }, callbackUrl: message.callbackUrl });
    return resolve();
  });
});
process.on('SIGTERM', () => pod.stop(defaultGraceMs));
// Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of its pods.
process.on('SIGINT', () => undefined);
// Not `process.exit`, which waits for threads that may never end: nobody is left to hear a code.
process.on('disconnect', endAtOnce);
// The parent may have been killed before anybody listened.
if (!process.connected) endAtOnce();

void listen();

async function listen(): Promise<void> {
  const [port] = await Promise.all([pod.listen(host), admitted]);
  process.send?.({ kind: 'listening', port });
}

function endAtOnce(): void {
  pod.destroy();
  process.kill(process.pid, 'SIGKILL');
}
