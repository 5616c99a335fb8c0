import { decodeUtf8 } from '../protocol/intrinsics.ts';
import type { Batch, BatchEvent } from '../protocol/messages.ts';

/**
 * Rows of events, by position in the batch, that run one after another; rows run side by side. `order: partition` is one row,
 * otherwise one per key, and one for each event without a key; with `order: none` one for each event, unless state came with the batch: events of
 * one key that run side by side would only make each other's commits stale.
 */
export function lanesOf(batch: Batch): number[][] {
  if (batch.order === 'partition') return [batch.events.map((_, position) => position)];
  if (batch.order === 'none' && batch.state.length === 0) return batch.events.map((_, position) => [position]);
  const lanes: number[][] = [];
  const byKey = new Map<string, number[]>();
  for (let position = 0; position < batch.events.length; position += 1) {
    const text = keyTextOf(batch.events[position]);
    if (text === null) {
      lanes.push([position]);
      continue;
    }
    const lane = byKey.get(text);
    if (lane !== undefined) {
      lane.push(position);
      continue;
    }
    const fresh = [position];
    byKey.set(text, fresh);
    lanes.push(fresh);
  }
  return lanes;
}

function keyTextOf(event: BatchEvent | undefined): string | null {
  if (event?.packed !== undefined) return event.packed.keyText;
  const key = event?.key ?? null;
  return key === null ? null : decodeUtf8(key);
}
