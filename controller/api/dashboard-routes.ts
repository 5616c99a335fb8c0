import { readdir, readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FaasError } from '../errors.ts';

/** Addresses at which the page is served; what they show is the page's business, and asks the API with the session. */
export const pagePaths = ['/', '/login', '/functions/:context/:function', '/graph', '/schedules', '/webhooks'] as const;
export const assetPath = '/assets/:name';

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
}

/** Serves the dashboard: one page for all its addresses, and its files, whose names change with what is in them. None of them is a secret. */
export function mountDashboard(app: FastifyInstance, folder: string): void {
  let files: Promise<ReadonlyMap<string, Asset>> | undefined;
  const serve = async (name: string, cache: string, request: FastifyRequest, reply: FastifyReply) => {
    files ??= readAssets(folder);
    const asset = (await files).get(name);
    if (asset === undefined) throw new FaasError('FAAS_API_ROUTE_UNKNOWN', 'the dashboard has no such file', 'Load the page again.');
    reply.type(asset.type).header('cache-control', cache).header('vary', 'accept-encoding');
    const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    return takesGzip ? reply.header('content-encoding', 'gzip').send(asset.gzip) : reply.send(asset.plain);
  };
  for (const path of pagePaths) app.get(path, (request, reply) => serve('index.html', 'no-store', request, reply));
  app.get<{ Params: { name: string } }>(assetPath, (request, reply) =>
    serve(request.params.name, 'public, max-age=31536000, immutable', request, reply),
  );
}

/** What scripts/build-dashboard.mjs made: each file beside its gzip. */
async function readAssets(folder: string): Promise<ReadonlyMap<string, Asset>> {
  const names = await readdir(folder).catch(() => []);
  const assets = names
    .filter(name => !name.endsWith('.gz'))
    .map(async (name): Promise<readonly [string, Asset]> => {
      const file = `${folder}/${name}`;
      const type = types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      return [name, { type, plain: await readFile(file), gzip: await readFile(`${file}.gz`) }];
    });
  return new Map(await Promise.all(assets));
}
