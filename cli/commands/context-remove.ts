import type { Invocation } from '../command.ts';
import { contextNamed, readContexts, writeContexts } from '../server-contexts.ts';

export async function run({ args, env, out }: Invocation): Promise<number> {
  const name = args.required('name');
  const { current, contexts } = await readContexts(env);
  contextNamed(contexts, name);
  const { [name]: _removed, ...kept } = contexts;
  const isCurrent = current === name;
  await writeContexts(env, { ...(isCurrent || current === undefined ? {} : { current }), contexts: kept });
  out.progress(isCurrent ? `removed ${name}; commands ask the server of the data folder from now on` : `removed ${name}`);
  return 0;
}
