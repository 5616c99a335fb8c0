import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';

/** The least that a pod could be: an HTTP server and a worker thread in which nothing happens. The port is the first argument. */
new Worker('setInterval(() => {}, 1e9)', { eval: true });
createServer((request, response) => {
  request.resume().once('end', () => response.end());
}).listen(Number(process.argv[2]), '127.0.0.1');
