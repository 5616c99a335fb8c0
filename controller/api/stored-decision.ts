import { Ajv, type ValidateFunction } from 'ajv';
import type { History, HistoryEntry } from '../ports/history.ts';
import type { ScaleInputs } from '../scale/decision.ts';
import { ScaleInputsAnswer } from './scale-schema.ts';

let isInputs: ValidateFunction<ScaleInputs> | undefined;

/** The inputs in an entry of the history; undefined where it is no decision about scaling, or one of another version. */
export function inputsOf(entry: HistoryEntry): ScaleInputs | undefined {
  const { what, inputs } = entry.data;
  if (what !== 'scale') return undefined;
  isInputs ??= new Ajv({ strict: false }).compile<ScaleInputs>(ScaleInputsAnswer);
  return isInputs(inputs) ? inputs : undefined;
}

/** Observations are this far apart at most. */
const observationGapMs = 60_000;
const page = 500;

/** What the decision that held at `atMs` rested on: the observation just before, else the last change before it. */
export async function inputsAt(history: Pick<History, 'read'>, unit: string, atMs: number): Promise<ScaleInputs | undefined> {
  const near = await history.read({ kind: 'observation', unit, sinceMs: atMs - observationGapMs, afterId: 0, limit: page });
  const observed = lastBefore(near, atMs);
  if (observed !== undefined) return observed;
  let found: ScaleInputs | undefined;
  for (let afterId = 0; ; ) {
    const entries = await history.read({ kind: 'decision', unit, afterId, limit: page });
    found = lastBefore(entries, atMs) ?? found;
    const last = entries.at(-1);
    if (last === undefined || entries.length < page || last.atMs > atMs) return found;
    afterId = last.id;
  }
}

function lastBefore(entries: readonly HistoryEntry[], atMs: number): ScaleInputs | undefined {
  for (const entry of entries.filter(one => one.atMs <= atMs).reverse()) {
    const inputs = inputsOf(entry);
    if (inputs !== undefined) return inputs;
  }
  return undefined;
}
