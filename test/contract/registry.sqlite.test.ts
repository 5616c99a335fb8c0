import { type RegistryUnderTest, registryContract } from './registry.ts';
import { settableClock } from './settable-clock.ts';
import { openOnDisk } from './sqlite-on-disk.ts';

registryContract('sqlite', async () => {
  const disk = await openOnDisk(settableClock());
  const subject: RegistryUnderTest = {
    registry: disk.adapters.registry,
    async reopen() {
      await disk.reopen();
      subject.registry = disk.adapters.registry;
    },
    close: () => disk.close(),
  };
  return subject;
});
