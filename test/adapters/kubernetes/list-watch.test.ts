import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiRequest, type KubernetesApi, openKubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import type { KubernetesObject } from '../../../controller/adapters/kubernetes/kubernetes-object.ts';
import { type ListWatchOptions, listWatch } from '../../../controller/adapters/kubernetes/list-watch.ts';
import { systemClock } from '../../../controller/clock.ts';
import { type ObjectChange, objectKey } from '../../../controller/ports/objects.ts';
import { systemRandom } from '../../../controller/random.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { anyBytes, type FaultProxy, startFaultProxy } from '../../services/fault-proxy.ts';
import { type ApiServer, apiServerService, startApiServer } from '../../services/kubernetes/api-server.ts';
import { compact, type TestNamespace, testNamespace } from '../../services/kubernetes/cluster-objects.ts';
import { describeWith } from '../../services/needed-service.ts';

const convergesWithinMs = 10_000;

/** The real API server behind a proxy, with a way to stand between a request and its answer. */
class Way implements KubernetesApi {
  readonly server: string;
  readonly namespace: string;
  readonly #api: KubernetesApi;
  lists = 0;
  watches = 0;
  /** Of the pieces of each watch, as it is cut on the way. */
  cut: (piece: Buffer) => readonly Buffer[] = piece => [piece];
  /** Called before each request is sent; a number is the status that a watch is answered with instead. */
  before: (request: ApiRequest) => Promise<number | undefined> = async () => undefined;
  readonly bookmarks: string[] = [];

  constructor(api: KubernetesApi) {
    this.#api = api;
    this.server = api.server;
    this.namespace = api.namespace;
  }

  async send(request: ApiRequest) {
    this.lists += 1;
    await this.before(request);
    return this.#api.send(request);
  }

  async follow(path: string, silentMs: number, signal: AbortSignal) {
    this.watches += 1;
    const status = await this.before({ method: 'GET', path });
    if (status !== undefined) return { status, pieces: noPieces() };
    const { pieces, ...answer } = await this.#api.follow(path, silentMs, signal);
    return { ...answer, pieces: this.#cutUp(pieces) };
  }

  close(): void {
    this.#api.close();
  }

  async *#cutUp(pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      if (piece.includes('"BOOKMARK"')) this.bookmarks.push(piece.toString());
      yield* this.cut(piece);
    }
  }
}

async function* noPieces(): AsyncGenerator<Buffer> {}

describeWith(apiServerService, 'a list-watch of a real API server', () => {
  let server: ApiServer;
  let cluster: TestNamespace;
  let proxy: FaultProxy;
  let way: Way;
  let ended: AbortController;
  let following: Promise<void>;
  let known: Map<string, KubernetesObject>;
  let changes: ObjectChange[];

  beforeAll(async () => {
    server = await startApiServer();
  }, 900_000);
  afterAll(() => server?.stop());
  beforeEach(async () => {
    cluster = await testNamespace(server);
    proxy = await startFaultProxy({ target: { port: server.port }, frameEnd: anyBytes });
    way = new Way(await openKubernetesApi({ kubeconfigFile: await server.kubeconfigVia(proxy.port) }));
    ended = new AbortController();
    [known, changes] = [new Map(), []];
  });
  afterEach(async () => {
    ended.abort();
    await following;
    way.close();
    cluster.api.close();
    await proxy.close();
  });

  function follow(more: Pick<ListWatchOptions, 'labelSelector' | 'keep'> = {}): void {
    const path = `/api/v1/namespaces/${cluster.namespace}/configmaps`;
    const onChanges = (told: readonly ObjectChange[]) => {
      for (const change of told) {
        changes.push(change);
        if (change.kind === 'deleted') known.delete(objectKey(change.object));
        else known.set(objectKey(change.object), change.object);
      }
    };
    following = listWatch({ api: way, clock: systemClock, random: systemRandom, log: silentLog, path, onChanges, ...more }, ended.signal);
  }

  const values = () => [...known.values()].map(({ metadata, data }) => `${metadata.name}=${Object(data).v}`).sort();

  async function until(holds: () => boolean, withinMs = convergesWithinMs): Promise<number> {
    const startedMs = performance.now();
    while (!holds()) {
      if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${values().join(' ')}`);
      await sleep(10);
    }
    return Math.round(performance.now() - startedMs);
  }

  /** Three objects are followed; then something happens, then one changes, one goes and one comes. Answers how long it took to know. */
  async function disturbed(disturb: () => Promise<void>, mend: () => Promise<void> = async () => {}): Promise<number> {
    for (const name of ['stays', 'changes', 'goes']) await cluster.put(name, { v: '1' });
    follow();
    await until(() => values().length === 3 && way.watches > 0);
    await disturb();
    await cluster.put('changes', { v: '2' });
    await cluster.remove('goes');
    await cluster.put('comes', { v: '1' });
    await mend();
    return until(() => values().join() === 'changes=2,comes=1,stays=1');
  }

  const told = (title: string, tookMs: number) =>
    process.stdout.write(`list-watch, ${title}: converged after ${tookMs} ms, ${way.lists} lists, ${way.watches} watches\n`);

  test('bookmarks come, and a watch goes on from the last one without a list', { timeout: 60_000 }, async () => {
    await cluster.put('other', { v: '1' });
    follow({ labelSelector: 'app=none' });
    await until(() => way.watches === 1);
    const listsBefore = way.lists;
    for (let i = 0; i < 20; i += 1) await cluster.put('other', { v: `${i}` });
    await until(() => way.bookmarks.length > 0);
    // What the first list had seen is gone for good; only who has followed the bookmarks can go on.
    await compact(server, (await cluster.revision()) - 1);
    await until(() => way.watches >= 3, 20_000);
    await cluster.put('mine', { v: '1' }, { app: 'none' });
    const tookMs = await until(() => values().join() === 'mine=1');
    expect(way.lists).toBe(listsBefore);
    told('bookmarks only', tookMs);
  });

  test('cut while it watches: both ends are told', async () => told('reset', await disturbed(async () => proxy.reset())));

  test('half-open: the server is gone and nobody says so', { timeout: 40_000 }, async () =>
    told('half-open', await disturbed(async () => proxy.halfOpen())),
  );

  test('what is told, by a list and by a watch, is what is to be kept of it', async () => {
    await cluster.put('listed', { v: '1' });
    follow({ keep: ({ data: _, ...object }) => object });
    await until(() => way.watches > 0);
    await cluster.put('watched', { v: '1' });
    await until(() => known.size === 2);
    expect(values()).toEqual(['listed=undefined', 'watched=undefined']);
  });

  test('the first list meets a connection that has died in the pool', { timeout: 40_000 }, async () => {
    await cluster.put('one', { v: '1' });
    await way.send({ method: 'GET', path: '/version' });
    proxy.halfOpen();
    follow();
    told('died in the pool', await until(() => values().join() === 'one=1'));
  });

  test('silent for a while, then well again', { timeout: 40_000 }, async () =>
    told(
      'silence',
      await disturbed(
        async () => proxy.blackhole(),
        async () => {
          await sleep(4_000);
          proxy.heal();
        },
      ),
    ),
  );

  test('410 as a frame: the version is too old for an API server that has begun anew', { timeout: 60_000 }, async () => {
    const tookMs = await disturbed(
      async () => {
        await proxy.refuse();
        proxy.reset();
      },
      async () => {
        await compact(server, await cluster.revision());
        await server.kill();
        await server.restart();
        await proxy.accept();
      },
    );
    expect(way.lists).toBeGreaterThanOrEqual(2);
    told('410 as a frame', tookMs);
  });

  test('410 as a status: what stands between us and the API server refuses the watch', async () => {
    const tookMs = await disturbed(async () => {
      let refusals = 3;
      way.before = async ({ path }) => (path.includes('watch=1') && refusals-- > 0 ? 410 : undefined);
      proxy.reset();
    });
    expect(way.lists).toBeGreaterThanOrEqual(2);
    told('410 as a status', tookMs);
  });

  test('a list whose next page is too old begins again', { timeout: 60_000 }, async () => {
    await Promise.all(
      Array.from({ length: 10 }, async (_, lane) => {
        for (let i = lane; i < 520; i += 10) await cluster.put(`m-${i}`, { v: '1' });
      }),
    );
    let isFirst = true;
    let compactions = 0;
    way.before = async ({ path }) => {
      if (!isFirst || !path.includes('continue=')) return undefined;
      isFirst = false;
      await cluster.put('m-0', { v: '2' });
      await compact(server, await cluster.revision());
      compactions += 1;
      return undefined;
    };
    follow();
    const tookMs = await until(() => values().length === 520 && values().includes('m-0=2'));
    expect(compactions).toBe(1);
    expect(new Set(changes.map(({ kind, object }) => `${kind} ${object.metadata.name} ${object.metadata.resourceVersion}`)).size).toBe(
      changes.length,
    );
    told('410 between two pages', tookMs);
  });

  test.each([1, 7, 1_000])('frames that are split into pieces of %i bytes, in the midst of characters', async bytes => {
    way.cut = piece => Array.from({ length: Math.ceil(piece.length / bytes) }, (_, i) => piece.subarray(i * bytes, (i + 1) * bytes));
    follow();
    await until(() => way.watches > 0);
    await cluster.put('text', { v: 'Київ ☂ 𝄞'.repeat(50) });
    await until(() => values().join() === `text=${'Київ ☂ 𝄞'.repeat(50)}`);
  });

  test('an API server that is away: asked more and more seldom, and followed again when it is back', { timeout: 60_000 }, async () => {
    let asked = 0;
    const tookMs = await disturbed(
      async () => {
        await proxy.refuse();
        proxy.reset();
        const before = way.watches + way.lists;
        await sleep(6_000);
        asked = way.watches + way.lists - before;
      },
      () => proxy.accept(),
    );
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(asked).toBeLessThanOrEqual(9);
    told(`away for 6 s, asked ${asked} times`, tookMs);
  });

  test('a watch that is ended at once, again and again, is no storm', async () => {
    way.before = async ({ path }) => (path.includes('watch=1') ? 410 : undefined);
    follow();
    await sleep(5_000);
    expect(way.watches).toBeGreaterThanOrEqual(3);
    expect(way.watches).toBeLessThanOrEqual(9);
  });
});
