import type { ContextDetailAnswer, FunctionDetailAnswer } from '../controller/api/contract.ts';
import { pathTo } from '../controller/api/paths.ts';
import { clusterRules } from '../controller/manifest/cluster-rules.ts';
import { type Deployable, type FunctionChange, specChanges } from '../controller/manifest/spec-changes.ts';
import { type ApiClient, ApiRefusal } from './api-client.ts';
import type { Bundled } from './deployment.ts';
import { type Output, printable, size, table } from './output.ts';
import type { Project } from './project.ts';

/** Shows what a deploy would change, against what is live; without a server, against nothing. Changes nothing. */
export async function showDryRun(
  { spec }: Project,
  bundles: ReadonlyMap<string, Bundled>,
  client: ApiClient | undefined,
  out: Output,
): Promise<void> {
  const next = { spec, bundles: new Map([...bundles].map(([name, { hash }]) => [name, hash])) };
  const live = client === undefined ? undefined : await liveContext(client, spec.context);
  const changes = specChanges(live, next);
  const rules = clusterRules(spec);
  const functions = [...bundles].map(([name, bundle]) => ({
    function: `${spec.context}.${name}`,
    hash: bundle.hash,
    bytes: bundle.code.byteLength,
    ...(client !== undefined && { change: changes.find(one => one.function === name)?.change }),
  }));
  const compared = client === undefined ? {} : { changes: changes.filter(one => one.change !== 'unchanged') };
  await out.result({ functions, ...compared, ...(rules.length > 0 && { rules }) }, () =>
    [
      table(
        ['FUNCTION', 'BUNDLE', 'SIZE', ...(client === undefined ? [] : ['CHANGE'])],
        functions.map(row => [row.function, row.hash.slice(0, 12), size(row.bytes), ...(row.change === undefined ? [] : [row.change])]),
      ),
      ...(client === undefined ? [] : changes.flatMap(one => linesOf(spec.context, one, out))),
      ...(rules.length === 0 ? [] : ['', 'The server must be allowed this in its cluster, for resource triggers:', ruleTable(rules)]),
    ].join('\n'),
  );
  out.progress('nothing was deployed (--dry-run)');
}

function linesOf(context: string, { function: name, change, changes }: FunctionChange, out: Output): readonly string[] {
  const title = name === '' ? context : `${context}.${name}`;
  if (change === 'removed') return ['', out.paint('red', `- ${title}`)];
  if (change !== 'updated') return [];
  return [
    '',
    title,
    ...changes.flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [out.paint('red', `- ${path}: ${printable(before)}`)]),
      ...(after === undefined ? [] : [out.paint('green', `+ ${path}: ${printable(after)}`)]),
    ]),
  ];
}

function ruleTable(rules: ReturnType<typeof clusterRules>): string {
  return table(
    ['NAMESPACE', 'API GROUP', 'RESOURCE', 'VERBS'],
    rules.map(({ namespace, apiGroup, resource, verbs }) => [
      namespace ?? '(all: a ClusterRole)',
      apiGroup === '' ? '""' : apiGroup,
      resource,
      verbs.join(','),
    ]),
  );
}

async function liveContext(client: ApiClient, context: string): Promise<Deployable | undefined> {
  try {
    const { spec } = await client.get<ContextDetailAnswer>(pathTo('context', { context }));
    const bundles = new Map<string, string>();
    for (const { name } of spec.functions) {
      const { revisions } = await client.get<FunctionDetailAnswer>(pathTo('function', { context, function: name }));
      const hash = revisions.find(({ live }) => live)?.bundleHash;
      if (hash !== undefined) bundles.set(name, hash);
    }
    return { spec, bundles };
  } catch (cause) {
    if (cause instanceof ApiRefusal && cause.code === 'FAAS_CONTEXT_UNKNOWN') return undefined;
    throw cause;
  }
}
