import { MemoryStreams } from '../../controller/adapters/memory/memory-streams.ts';
import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { openOnServer, redisForTests } from './redis-on-server.ts';
import { type StateUnderTest, stateContract } from './state.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  stateContract('redis', async clock => {
    const server = await openOnServer(redis(), clock);
    const subject: StateUnderTest = {
      state: server.adapters.state,
      streams: new MemoryStreams(clock),
      async reopen() {
        await server.reopen();
        subject.state = server.adapters.state;
      },
      close: () => server.close(),
    };
    return subject;
  });
});
