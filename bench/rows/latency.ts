import { eventually } from '../child.ts';
import { type Entry, entriesOf, entryManifest, sendEvenly } from '../entries.ts';
import { startFaas } from '../faas-server.ts';
import { boundRow, type Row } from '../row.ts';
import { percentile } from '../statistics.ts';

const perSecond = 1_000;
const warmUpMs = 2_000;
const durationMs = 10_000;

export const latency: Row = {
  name: 'latency',
  async measure() {
    const server = await startFaas();
    try {
      await server.deploy(entryManifest('{ min: 1, max: 1 }'));
      const warmUp = await sendEvenly(server, perSecond, warmUpMs);
      await eventually('the warm-up is handled', () => (server.lines().length >= warmUp ? true : undefined));
      const sent = await sendEvenly(server, perSecond, durationMs);
      await eventually('all events are handled', () => (server.lines().length >= warmUp + sent ? true : undefined));
      const entries = entriesOf(server).slice(warmUp);
      const at = (figure: (entry: Entry) => number, share: number) => percentile(entries.map(figure), share);
      const note = `from before the request ${at(entry => entry.sinceSentMs, 0.5).toFixed(1)} and ${at(entry => entry.sinceSentMs, 0.99).toFixed(1)} ms`;
      return [
        boundRow(
          'append to handler entry at 1000 events/s, p50',
          'ms',
          at(entry => entry.sinceAppendMs, 0.5),
          3,
          1,
          note,
        ),
        boundRow(
          'append to handler entry at 1000 events/s, p99',
          'ms',
          at(entry => entry.sinceAppendMs, 0.99),
          20,
          1,
        ),
      ];
    } finally {
      await server.stop();
    }
  },
};
