import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs of real servers are kept between runs: fetched or built once per machine. */
export const serviceCache = process.env.FAAS_TEST_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'faas-test');

/** `from` becomes `to`, unless another process was quicker. */
export async function publish(from: string, to: string): Promise<void> {
  await rename(from, to).catch(error => {
    if (!existsSync(to)) throw error;
  });
}
