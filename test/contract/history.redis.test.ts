import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { historyContract } from './history.ts';
import { historyOf, openOnServer, redisForTests } from './redis-on-server.ts';
import { settableClock } from './settable-clock.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  historyContract('redis', async () => historyOf(await openOnServer(redis(), settableClock())));
});
