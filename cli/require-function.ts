import { pathTo } from '../controller/api/paths.ts';
import type { ApiClient } from './api-client.ts';
import type { QualifiedName } from './unit-name.ts';

/** Throws the server's FAAS_FUNCTION_UNKNOWN, with the nearest name: for answers that are empty of a function with nothing to show as well as of none. */
export async function requireFunction(client: ApiClient, { context, name }: QualifiedName): Promise<void> {
  await client.get<unknown>(pathTo('function', { context, function: name }));
}
