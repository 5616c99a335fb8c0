import { type HistoryUnderTest, historyContract } from './history.ts';
import { settableClock } from './settable-clock.ts';
import { openOnDisk } from './sqlite-on-disk.ts';

historyContract('sqlite', async () => {
  const disk = await openOnDisk(settableClock());
  const subject: HistoryUnderTest = {
    history: disk.adapters.history,
    async reopen() {
      await disk.reopen();
      subject.history = disk.adapters.history;
    },
    close: () => disk.close(),
  };
  return subject;
});
