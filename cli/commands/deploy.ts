import type { DeployAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ApiClient } from '../api-client.ts';
import { type BundleProblem, type BundleResult, bundleFunction } from '../bundle.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { placedRefusal } from '../deploy-refusal.ts';
import { type Bundled, deployBundles, foreignSchemas } from '../deployment.ts';
import { showDryRun } from '../dry-run.ts';
import { CommandFailure } from '../failure.ts';
import type { Output } from '../output.ts';
import { printable, size, table } from '../output.ts';
import { problemsFailure } from '../problem-text.ts';
import { manifestPath, type Project, readProject } from '../project.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out, cwd, env } = invocation;
  const project = await readProject(manifestPath(cwd, args.text('file') ?? 'faas.yaml'), cwd, env);
  for (const warning of project.warnings) {
    out.warning(`${out.paintError('yellow', 'warning:')} ${warning.file}:${warning.line}:${warning.column} ${printable(warning.message)}`);
  }
  if (args.on('dry-run')) return dryRun(invocation, project);
  const client = await connect(invocation);
  const bundles = await bundleAll(project, await foreignSchemas(client, project.spec), out, cwd);
  out.status('deploying…');
  const timeoutMs = args.origin('timeout') === 'default' ? undefined : args.duration('timeout');
  const answer = await deployBundles(client, project.spec, bundles, name => out.detail(`uploading ${name}`), timeoutMs).catch(
    async (cause: unknown) => {
      throw await placedRefusal(cause, project.root, cwd);
    },
  );
  out.status('');
  await report(answer, out);
  return 0;
}

/** Without a server the schemas of other contexts' streams are not known, and nothing is compared; everything else is checked. */
async function dryRun(invocation: Invocation, project: Project): Promise<number> {
  const { out, cwd } = invocation;
  const client = await reachable(invocation);
  const bundles = await bundleAll(project, client === undefined ? new Map() : await foreignSchemas(client, project.spec), out, cwd);
  await showDryRun(project, bundles, client, out);
  return 0;
}

async function reachable(invocation: Invocation): Promise<ApiClient | undefined> {
  try {
    const client = await connect(invocation);
    await client.get(pathTo('contexts', {}));
    return client;
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    invocation.out.progress(`not compared with what is live: ${printable(cause.message)}`);
    return undefined;
  }
}

async function bundleAll(
  { root, spec }: Project,
  foreign: Awaited<ReturnType<typeof foreignSchemas>>,
  out: Output,
  cwd: string,
): Promise<ReadonlyMap<string, Bundled>> {
  const results = await Promise.all(
    spec.functions.map(async one => {
      const startedMs = performance.now();
      const result = await bundleFunction({ root, spec: one, context: spec, foreignSchemas: foreign });
      if (result.kind === 'bundled') out.progress(progressOf(one.name, result, performance.now() - startedMs, out));
      return [one.name, result] as const;
    }),
  );
  const problems = results.flatMap(([, result]) => problemsIn(result));
  if (problems.length > 0) throw await problemsFailure(problems, root, cwd);
  return new Map(results.flatMap(([name, result]) => (result.kind === 'bundled' ? [[name, result] as const] : [])));
}

function progressOf(name: string, bundle: Bundled, tookMs: number, out: Output): string {
  return `${out.paintError('green', 'bundled')} ${name} ${out.paintError('dim', `${size(bundle.code.byteLength)}, ${Math.round(tookMs)} ms`)}`;
}

function problemsIn(result: BundleResult): readonly BundleProblem[] {
  return result.kind === 'refused' ? result.problems : [];
}

async function report(answer: DeployAnswer, out: Output): Promise<void> {
  for (const warning of answer.warnings) out.warning(`${out.paintError('yellow', 'warning:')} ${printable(warning)}`);
  await out.result(answer, () =>
    table(
      ['FUNCTION', 'REVISION', 'CHANGE'],
      answer.functions.map(one => [one.unit, one.revision, one.change]),
      (cell, column, row) => (column === 2 && answer.functions[row]?.change !== 'unchanged' ? out.paint('green', cell) : cell),
    ),
  );
}
