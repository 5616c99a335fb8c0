import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { type HistoryUnderTest, historyContract } from './history.ts';
import { openOnServer, redisForTests } from './redis-on-server.ts';
import { settableClock } from './settable-clock.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  historyContract('redis', async () => {
    const server = await openOnServer(redis(), settableClock());
    const subject: HistoryUnderTest = {
      history: server.adapters.history,
      async reopen() {
        await server.reopen();
        subject.history = server.adapters.history;
      },
      close: () => server.close(),
    };
    return subject;
  });
});
