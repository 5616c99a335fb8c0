import type { Invocation } from '../command.ts';
import { reportContext } from '../context-report.ts';
import { contextNamed, localName, readContexts, writeContexts } from '../server-contexts.ts';

export async function run({ args, env, out }: Invocation): Promise<number> {
  const name = args.required('name');
  const { contexts } = await readContexts(env);
  if (name === localName) {
    await writeContexts(env, { contexts });
    out.progress('commands ask the server of the data folder from now on');
    await reportContext(out, { name, current: name });
    return 0;
  }
  const { server } = contextNamed(contexts, name);
  await writeContexts(env, { current: name, contexts });
  out.progress(`commands ask ${server} from now on`);
  await reportContext(out, { name, server, current: name });
  return 0;
}
