import { buildDashboard } from '../../scripts/build-dashboard.mjs';
import { buildEntries } from '../../scripts/build-entries.mjs';

/** The tests run the TypeScript sources; the entries that start as threads and processes of their own, and the dashboard, are bundled first. */
export default async function setup(): Promise<void> {
  await Promise.all([buildEntries(), buildDashboard()]);
}
