import type { Clock } from '../../clock.ts';
import type { Random } from '../../random.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryRegistry } from './memory-registry.ts';
import { MemoryStateStore } from './memory-state.ts';
import { MemoryStreams } from './memory-streams.ts';

export interface MemoryAdapters {
  readonly streams: MemoryStreams;
  readonly state: MemoryStateStore;
  readonly registry: MemoryRegistry;
  readonly history: MemoryHistory;
}

/** The executable spec of the stores: plain maps, one process, gone at its end. `emits` is as in StateCapabilities. */
export function createMemoryAdapters(options: { clock: Clock; random: Random; emits?: 'inline' | 'outbox' }): MemoryAdapters {
  const streams = new MemoryStreams(options.clock);
  const state = new MemoryStateStore({ clock: options.clock, streams, emits: options.emits ?? 'inline' });
  return { streams, state, registry: new MemoryRegistry(), history: new MemoryHistory() };
}
