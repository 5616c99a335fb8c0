import { fileURLToPath } from 'node:url';
import { createPod } from './pod.ts';

/** The pod's process: what it is told and what it says goes over the IPC channel of its parent; without a parent it ends. */
type FromParent =
  | { readonly kind: 'admit'; readonly token: string; readonly callbackUrl: string }
  | { readonly kind: 'stop'; readonly graceMs: number };

const memoryBytes = Number(process.argv[2]);
const bootId = process.argv[3] ?? '';
const defaultGraceMs = 25_000;
/** A thread in a native call keeps `process.exit` waiting for ever. */
const exitMsMax = 500;

const pod = createPod({
  bootId,
  memoryBytes,
  workerFile: fileURLToPath(new URL('./pod-worker.js', import.meta.url)),
  rssBytes: () => process.memoryUsage.rss(),
  output: (stream, text) => void process[stream].write(text),
  exit: reason => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), exitMsMax);
    const leave = (): void => {
      if (reason === 'stuck') process.kill(process.pid, 'SIGKILL');
      process.exit(reason === 'stopped' ? 0 : 1);
    };
    if (process.send === undefined || !process.connected) return leave();
    process.send({ kind: 'exit', reason }, leave);
  },
});

process.on('message', (message: FromParent) => {
  if (message.kind === 'admit') pod.admit(message);
  else pod.stop(message.graceMs);
});
process.on('SIGTERM', () => pod.stop(defaultGraceMs));
process.on('SIGINT', () => undefined);
process.on('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), exitMsMax);
  process.exit(1);
});

const port = await pod.listen('127.0.0.1');
process.send?.({ kind: 'listening', port });
