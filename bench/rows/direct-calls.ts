import { join } from 'node:path';
import { eventually, freePort, startChild } from '../child.ts';
import { type FaasServer, startFaas } from '../faas-server.ts';
import { load, loadGenerator, type Target } from '../load.ts';
import { peersFolder, rootFolder } from '../paths.ts';
import { orderOf } from '../payload.ts';
import { inTurns, type Row, ratioRow } from '../row.ts';

/** Many and short: the speed of a shared machine changes from one second to the next, and the median is to hold. */
const turns = 25;
const turnMs = 1_000;
/** So that everybody's code is compiled. */
const warmUpMs = 3_000;
const body = JSON.stringify(orderOf(1));
const json = { 'content-type': 'application/json' };

type Started = Pick<FaasServer, 'stop'>;

const manifest = (pods: number) => `version: 1
context: bench
functions:
  echo:
    handler: echo.ts
    limits: { concurrency: 100 }
    scale: { min: ${pods}, max: ${pods} }
`;

/** Whoever is started is in `all`, even when it does not become ready. */
async function startOurs(pods: number, all: Started[]): Promise<() => Promise<number>> {
  const server = await startFaas({ 'pods-pool': '0' });
  all.push(server);
  await server.deploy(manifest(pods));
  return warmedUp({ url: `${server.gatewayUrl}/call/bench/echo`, headers: { ...json, authorization: `Bearer ${server.token}` }, body });
}

async function startPeer(argsFor: (port: number) => readonly string[], all: Started[]): Promise<() => Promise<number>> {
  const port = await freePort();
  const child = startChild(process.execPath, argsFor(port));
  all.push(child);
  return Promise.race([warmedUp({ url: `http://127.0.0.1:${port}/`, headers: json, body }), child.ended]);
}

/** Who is not called at the moment waits without work. */
async function warmedUp(target: Target): Promise<() => Promise<number>> {
  const answer = await eventually('the first answer', () => firstAnswer(target));
  if (answer !== target.body) throw new Error(`${target.url} answered ${answer}`);
  await load(target, warmUpMs);
  return () => load(target, turnMs);
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
    const framework = join(rootFolder, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
    const source = join(peersFolder, 'functions-framework');
    const all: Started[] = [];
    try {
      const { ours, google, knative } = await inTurns(turns, {
        ours: await startOurs(pods, all),
        google: await startPeer(port => [framework, `--source=${source}`, '--target=echo', `--port=${port}`], all),
        knative: await startPeer(port => [join(peersFolder, 'faas-js-runtime.mjs'), String(port)], all),
      });
      const measure = `direct calls through the gateway (${loadGenerator})`;
      return [
        ratioRow(measure, 'calls/s', ours, { name: 'of functions-framework', turns: google }, 2, pods),
        ratioRow(measure, 'calls/s', ours, { name: 'of faas-js-runtime', turns: knative }, 0.9, pods),
      ];
    } finally {
      await Promise.all(all.map(({ stop }) => stop()));
    }
  },
};
