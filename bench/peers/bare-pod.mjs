import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';

/** The least that a pod could be: an HTTP server and a worker thread in which nothing happens. */
new Worker('setInterval(() => {}, 1e9)', { eval: true });
createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
