import { FaasError } from '../../errors.ts';
import type { RedisLinks } from './redis-links.ts';
import { asText } from './replies.ts';

/** What keys and values look like. A change that this version could not read, or would write wrongly, is a new number. */
const layout = '1';
const tag = 'registry';
const layoutKey = `faas:{${tag}}:layout`;

/** Marks the data as ours. Throws FAAS_DATA_NEWER when another version of faas has marked them. */
export async function checkLayout(links: RedisLinks): Promise<void> {
  const link = await links.of(tag);
  await link.command('SET', layoutKey, layout, 'NX');
  const found = asText(await link.command('GET', layoutKey));
  if (found === layout) return;
  throw new FaasError(
    'FAAS_DATA_NEWER',
    `the data in Redis at ${links.place} are of layout ${found.slice(0, 20)}, and this version of faas knows ${layout}`,
    'Start the version of faas that wrote them, or name another server or database in the setting state.',
  );
}
