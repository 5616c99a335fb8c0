import { join } from 'node:path';
import { eventually, freePort, startChild } from '../child.ts';
import { startFaas } from '../faas-server.ts';
import { load, loadGenerator, type Target } from '../load.ts';
import { peersFolder, rootFolder } from '../paths.ts';
import { orderOf } from '../payload.ts';
import { type Row, ratioRow } from '../row.ts';
import { median, repeat } from '../statistics.ts';

const turns = 3;
const body = JSON.stringify(orderOf(1));
const json = { 'content-type': 'application/json' };

const manifest = (pods: number) => `version: 1
context: bench
functions:
  echo:
    handler: echo.ts
    limits: { concurrency: 100 }
    scale: { min: ${pods}, max: ${pods} }
`;

async function ours(pods: number): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await server.deploy(manifest(pods));
    return await measure({
      url: `${server.gatewayUrl}/call/bench/echo`,
      headers: { ...json, authorization: `Bearer ${server.token}` },
      body,
    });
  } finally {
    await server.stop();
  }
}

async function peer(argsFor: (port: number) => readonly string[]): Promise<number> {
  const port = await freePort();
  const child = startChild(process.execPath, argsFor(port));
  try {
    return await Promise.race([measure({ url: `http://127.0.0.1:${port}/`, headers: json, body }), child.ended]);
  } finally {
    await child.stop();
  }
}

/** After a warm-up of two seconds, so that everybody's code is compiled. */
async function measure(target: Target): Promise<number> {
  const answer = await eventually('the first answer', () => firstAnswer(target));
  if (answer !== target.body) throw new Error(`${target.url} answered ${answer}`);
  await load(target, 2_000);
  return median(await repeat(turns, () => load(target)));
}

async function firstAnswer(target: Target): Promise<string | undefined> {
  try {
    const answer = await fetch(target.url, { method: 'POST', headers: target.headers, body: target.body });
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}

export const directCalls: Row = {
  name: 'direct-calls',
  async measure() {
    const pods = 1;
    const called = await ours(pods);
    const framework = join(rootFolder, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
    const source = join(peersFolder, 'functions-framework');
    const google = await peer(port => [framework, `--source=${source}`, '--target=echo', `--port=${port}`]);
    const knative = await peer(port => [join(peersFolder, 'faas-js-runtime.mjs'), String(port)]);
    const measure = `direct calls through the gateway (${loadGenerator})`;
    return [
      ratioRow(measure, 'calls/s', called, { name: 'of functions-framework', value: google }, 2, pods),
      ratioRow(measure, 'calls/s', called, { name: 'of faas-js-runtime', value: knative }, 0.9, pods),
    ];
  },
};
