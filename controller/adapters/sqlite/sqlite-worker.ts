import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { openDataFolder } from './database.ts';
import type { FromWorker, Request } from './operations.ts';
import { refusedBy, StoreEngine } from './store-engine.ts';

/** The thread that owns the database of a data folder. Started by sqlite-client.ts. */
export interface WorkerData {
  readonly folder: string;
  readonly pid: number;
  readonly emits: 'inline' | 'outbox';
}

/** A group is carried out in one transaction: more requests would make its first one wait too long. */
const groupRequestsMax = 256;
/** Without requests for this long, the write-ahead log is copied into the database and cut to nothing. */
const idleMs = 2000;

if (parentPort === null) throw new Error('sqlite-worker runs as a worker thread');
const port = parentPort;
const { folder, pid, emits } = workerData as WorkerData;
const tell = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  const data = await openDataFolder(folder, pid);
  const engine = new StoreEngine(data.database, emits);
  let cancelIdle = () => {};
  port.on('message', (first: Request | 'close') => {
    const requests: Request[] = [];
    let next: Request | 'close' | undefined = first;
    while (next !== undefined && next !== 'close') {
      requests.push(next);
      next = requests.length === groupRequestsMax ? undefined : (receiveMessageOnPort(port)?.message as Request | 'close' | undefined);
    }
    engine.carryOut(requests, (answers, appended, transfer) => tell({ kind: 'answers', answers, appended }, transfer));
    cancelIdle();
    if (next === 'close') {
      data.close();
      tell({ kind: 'closed' });
      port.close();
    } else {
      cancelIdle = systemClock.after(idleMs, () => engine.checkpoint());
    }
  });
  tell({ kind: 'open' });
} catch (error) {
  tell({ kind: 'refused', error: refusedBy(error, folder) });
}
