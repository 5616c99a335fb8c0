import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Log, silentLog } from '../../controller/telemetry/log.ts';
import { batchEvent, batchOf, processPods, startPod, text } from './pod-fixture.ts';

const folder = join(import.meta.dirname, '../data/tls');
const certificateFile = join(folder, 'certificate.pem');
const given = process.env.NODE_EXTRA_CA_CERTS;
let server: Server;

beforeAll(async () => {
  server = createServer({ cert: readFileSync(certificateFile), key: readFileSync(join(folder, 'key.pem')) }, (_, response) => {
    response.end('hello');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());
afterEach(() => {
  if (given === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
  else process.env.NODE_EXTRA_CA_CERTS = given;
});

/** What a handler gets that asks the server, by both of Node's ways, and whether Node's own authorities are still trusted. */
async function asked(extra: string | undefined, log: Log = silentLog): Promise<string | null | undefined> {
  if (extra === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
  else process.env.NODE_EXTRA_CA_CERTS = extra;
  const { load, run, close } = await startPod(processPods(log));
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await load(`
      import { get } from 'node:https';
      const byGet = () => new Promise(done => get(${JSON.stringify(url)}, answer => done(answer.statusCode)).on('error', error => done(error.code)));
      const byFetch = () => fetch(${JSON.stringify(url)}).then(answer => answer.text(), error => error.cause.code);
      export default async () => [await byGet(), await byFetch()];
    `);
    const { outcomes } = await run(batchOf([batchEvent(0, 0, { trigger: 'call' })]));
    const outcome = outcomes.get(0);
    return outcome?.kind === 'ok' ? text(outcome.answer) : JSON.stringify(outcome);
  } finally {
    await close();
  }
}

test('a handler trusts the authorities of NODE_EXTRA_CA_CERTS', async () => {
  expect(await asked(certificateFile)).toBe('[200,"hello"]');
});

test('and no others', async () => {
  expect(await asked(undefined)).toBe('["DEPTH_ZERO_SELF_SIGNED_CERT","DEPTH_ZERO_SELF_SIGNED_CERT"]');
});

test('a file that is not there is said, and costs nothing but its authorities', async () => {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: message => warnings.push(message) };
  expect(await asked(join(folder, 'missing.pem'), log)).toBe('["DEPTH_ZERO_SELF_SIGNED_CERT","DEPTH_ZERO_SELF_SIGNED_CERT"]');
  expect(warnings).toEqual(['extra certificates cannot be read']);
});
