import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { openOnServer, redisForTests } from './redis-on-server.ts';
import { type RegistryUnderTest, registryContract } from './registry.ts';
import { settableClock } from './settable-clock.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  registryContract('redis', async () => {
    const server = await openOnServer(redis(), settableClock());
    const subject: RegistryUnderTest = {
      registry: server.adapters.registry,
      async reopen() {
        await server.reopen();
        subject.registry = server.adapters.registry;
      },
      close: () => server.close(),
    };
    return subject;
  });
});
