import { openOnDisk } from './sqlite-on-disk.ts';
import { type StateUnderTest, stateContract } from './state.ts';

for (const emits of ['inline', 'outbox'] as const) {
  stateContract(`sqlite, emits ${emits}`, async clock => {
    const disk = await openOnDisk(clock, emits);
    const subject: StateUnderTest = {
      state: disk.adapters.state,
      streams: disk.adapters.streams,
      async reopen() {
        await disk.reopen();
        subject.state = disk.adapters.state;
        subject.streams = disk.adapters.streams;
      },
      close: () => disk.close(),
    };
    return subject;
  });
}
