import type { Ledger } from './data-folder.ts';
import { readServer, readToken, type ServerAddress } from './data-folder.ts';
import { countsOfRound } from './deliveries.ts';

/** Totals of the data folder, as the server's API tells them. */
export interface Figures {
  /** Webhooks that `repository-activity` has counted, by repository. */
  readonly byRepository: ReadonlyMap<string, number>;
  readonly handled: number;
  /** What `summary` has added up. */
  readonly summed: number;
  readonly stateRows: number;
  readonly emits: number;
  readonly deadLetters: number;
  /** Events that wait anywhere; undefined: not known. */
  readonly backlog: number | undefined;
}

const context = 'github-activity';
const functions = ['repository-activity', 'total', 'summary'] as const;
const answerMs = 5_000;

interface StateEntry {
  readonly key: string;
  readonly value: { readonly events?: number };
}

/** Undefined: no server answers at the moment. */
export async function readFigures(folder: string): Promise<Figures | undefined> {
  const server = await readServer(folder);
  if (server === undefined) return undefined;
  try {
    const api = await apiOf(server, folder);
    const [repositories = [], total = [], summary = []] = await Promise.all(functions.map(name => api.state(name)));
    const [emits, deadLetters, backlog] = await Promise.all([api.emits(), api.deadLetters(), api.backlog()]);
    const byRepository = new Map(repositories.map(({ key, value }) => [key, value.events ?? 0]));
    return {
      byRepository,
      handled: sum(byRepository.values()),
      summed: sum(summary.map(({ value }) => value.events ?? 0)),
      stateRows: repositories.length + total.length + summary.length,
      emits,
      deadLetters,
      backlog,
    };
  } catch {
    // Killed, or not ready yet: asked again soon.
    return undefined;
  }
}

async function apiOf({ adminUrl }: ServerAddress, folder: string) {
  const headers = { authorization: `Bearer ${await readToken(folder)}` };
  async function get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(`${adminUrl}/v1${path}`, { headers, signal: AbortSignal.timeout(answerMs) });
    if (!response.ok) throw new Error(`${path} got ${response.status}`);
    return (await response.json()) as Answer;
  }
  return {
    async state(name: string): Promise<readonly StateEntry[]> {
      const entries: StateEntry[] = [];
      for (let after = ''; ; ) {
        const page = await get<{ entries: StateEntry[]; next?: string }>(`/functions/${context}/${name}/state?limit=1000${after}`);
        entries.push(...page.entries);
        if (page.next === undefined) return entries;
        after = `&after=${encodeURIComponent(page.next)}`;
      }
    },
    async emits(): Promise<number> {
      const { streams } = await get<{ streams: { context: string; retainedEvents?: number }[] }>('/streams');
      return sum(streams.filter(stream => stream.context === context).map(({ retainedEvents }) => retainedEvents ?? 0));
    },
    async deadLetters(): Promise<number> {
      const totals = await Promise.all(functions.map(name => get<{ total: number }>(`/functions/${context}/${name}/dead-letters?limit=1`)));
      return sum(totals.map(({ total }) => total));
    },
    async backlog(): Promise<number | undefined> {
      const lag = await get<{ functions: { unit: string; backlogEvents?: number }[] }>('/lag');
      const mine = lag.functions.filter(({ unit }) => unit.startsWith(`${context}.`)).map(({ backlogEvents }) => backlogEvents);
      return mine.length < functions.length || mine.includes(undefined) ? undefined : sum(mine.map(events => events ?? 0));
    },
  };
}

/** What does not agree with the input, in words; empty when everything does. Between two rounds of the ledger only bounds are known. */
export function disagreements(figures: Figures, { begun, completed }: Ledger): readonly string[] {
  const wrong: string[] = [];
  const perRound = countsOfRound();
  for (const [repository, count] of perRound) {
    const counted = figures.byRepository.get(repository) ?? 0;
    if (counted < count * completed || counted > count * begun)
      wrong.push(`${repository} counted ${counted}, expected ${range(count * completed, count * begun)}`);
  }
  for (const repository of figures.byRepository.keys()) if (!perRound.has(repository)) wrong.push(`${repository} is in no delivery`);
  if (figures.summed !== figures.handled) wrong.push(`summary has ${figures.summed} events, repositories have ${figures.handled}`);
  if (figures.emits !== 2 * figures.handled) wrong.push(`${figures.emits} emits, expected ${2 * figures.handled}`);
  if (completed > 0 && figures.stateRows !== perRound.size + 1)
    wrong.push(`${figures.stateRows} state rows, expected ${perRound.size + 1}`);
  if (figures.deadLetters !== 0) wrong.push(`${figures.deadLetters} dead letters`);
  if (figures.backlog !== 0) wrong.push(`${figures.backlog ?? 'an unknown number of'} events still wait`);
  return wrong;
}

function range(least: number, most: number): string {
  return least === most ? String(least) : `${least} to ${most}`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
