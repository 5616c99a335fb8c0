import { openOnDisk } from './sqlite-on-disk.ts';
import { type StreamsUnderTest, streamsContract } from './streams.ts';

streamsContract('sqlite', async clock => {
  const disk = await openOnDisk(clock);
  const subject: StreamsUnderTest = {
    streams: disk.adapters.streams,
    async reopen() {
      await disk.reopen();
      subject.streams = disk.adapters.streams;
    },
    // A chunk that is not there is a hole: append records, then remove their row behind the adapter's back. A large one, which it does not
    // also keep in memory.
    async skipOffsets({ topic, partition }, count) {
      const value = new Uint8Array(20_000 / count);
      const filler = Array.from({ length: count }, () => ({ partition, key: null, value, headers: [] }));
      const [first = 0] = await disk.adapters.streams.append(topic, filler);
      await disk.sql(
        `DELETE FROM log WHERE id = ((SELECT first_slot FROM topics WHERE name = '${topic}') + ${partition} << 40 | ${first})`,
      );
    },
    close: () => disk.close(),
  };
  return subject;
});
