import { kafkaService } from './kafka/kafka-home.ts';
import type { NeededService } from './needed-service.ts';
import { redisService } from './redis.ts';

export const kafkaAndRedis: NeededService = {
  name: `${kafkaService.name} and ${redisService.name}`,
  commands: [...kafkaService.commands, ...redisService.commands],
  howToGet: `${kafkaService.howToGet}; ${redisService.howToGet}`,
};
