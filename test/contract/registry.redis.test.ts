import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { openOnServer, redisForTests, registryOf } from './redis-on-server.ts';
import { registryContract } from './registry.ts';
import { settableClock } from './settable-clock.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  registryContract('redis', async () => registryOf(await openOnServer(redis(), settableClock())));
});
