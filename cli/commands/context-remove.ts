import type { Invocation } from '../command.ts';
import { reportContext } from '../context-report.ts';
import { contextNamed, localName, readContexts, writeContexts } from '../server-contexts.ts';

export async function run({ args, env, out }: Invocation): Promise<number> {
  const name = args.required('name');
  const { current, contexts } = await readContexts(env);
  const { server } = contextNamed(contexts, name);
  const { [name]: _removed, ...kept } = contexts;
  const isCurrent = current === name;
  await writeContexts(env, { ...(isCurrent || current === undefined ? {} : { current }), contexts: kept });
  out.progress(isCurrent ? `removed ${name}; commands ask the server of the data folder from now on` : `removed ${name}`);
  await reportContext(out, { name, server, current: isCurrent ? localName : (current ?? localName) });
  return 0;
}
