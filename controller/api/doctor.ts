import type { LiveFunction } from '../functions/live-function.ts';
import { secretsNamedBy, variableOf } from '../gateway/secrets.ts';
import type { Checkup } from '../ports/checkup.ts';
import type { ApiPorts } from './api-ports.ts';
import { resolveAll } from './function-backlog.ts';

/** Looks at everything once. What cannot be looked at is a finding like any other: this never throws because something is broken. */
export async function examineAll(ports: ApiPorts): Promise<readonly Checkup[]> {
  const live = await resolveAll(ports, await ports.registry.functions()).catch(error => asFinding('registry', error));
  if (!isLive(live)) return [live, ...(await ports.examine(new Set()))];
  const topics = new Set(live.flatMap(one => [...one.subscriptions.map(({ topic }) => topic), ...one.emitTopics.values()]));
  const [stores, secrets, functions] = await Promise.all([
    ports.examine(topics).catch(error => [asFinding('stores', error)]),
    secretCheckups(ports, live).catch(error => [asFinding('secrets', error)]),
    Promise.all(live.map(one => functionCheckups(ports, one.unit))).catch(error => [[asFinding('functions', error)]]),
  ]);
  return [...stores, serverCheckup(ports, live), ...secrets, ...functions.flat()];
}

function isLive(found: readonly LiveFunction[] | Checkup): found is readonly LiveFunction[] {
  return Array.isArray(found);
}

function serverCheckup({ dispatcher, version, seesAll }: ApiPorts, live: readonly LiveFunction[]): Checkup {
  const joined = new Set(dispatcher.report().map(report => report.unit));
  const absent = live.filter(one => !joined.has(one.unit)).map(({ unit }) => unit);
  const said = `version ${version} on Node ${process.versions.node}; ${live.length} functions`;
  if (absent.length === 0) return { part: 'server', status: 'ok', said };
  // Dispatchers report to the controller that leads: what this one does not see says nothing.
  if (!seesAll()) return { part: 'server', status: 'ok', said: `${said}; another controller leads and knows which of them are handled` };
  return {
    part: 'server',
    status: 'warning',
    said: `${said}; does not handle yet: ${absent.join(', ')}`,
    hint: 'A server that has just started or deployed needs a moment to join their groups. If it lasts, look at its log.',
  };
}

async function secretCheckups({ secrets }: ApiPorts, live: readonly LiveFunction[]): Promise<readonly Checkup[]> {
  const checked = [...secretsNamedBy(live)].map(async ([name, usedBy]): Promise<readonly Checkup[]> => {
    const { values } = await secrets.check(name);
    if (values > 0) return [];
    const hint = `Set ${variableOf(name)} where the server runs, or put a file of that name into its secrets.dir.`;
    return [{ part: 'secrets', status: 'failed', said: `there is no value for ${name}, which ${[...usedBy].join(', ')} needs`, hint }];
  });
  return (await Promise.all(checked)).flat();
}

async function functionCheckups({ conditions }: ApiPorts, unit: string): Promise<readonly Checkup[]> {
  const holding = (await conditions.of(unit)).filter(({ status }) => status);
  return holding.map(({ type, message }) => ({
    part: `function ${unit}`,
    status: 'warning',
    said: `${type}: ${message}`,
    hint: `faas describe ${unit} shows more.`,
  }));
}

function asFinding(part: string, error: unknown): Checkup {
  const said = error instanceof Error ? error.message : String(error);
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {};
  return { part, status: 'failed', said, ...hint };
}
