import { kafkaService } from './kafka/kafka-home.ts';
import { allOf } from './needed-service.ts';
import { redisService } from './redis.ts';

export const kafkaAndRedis = allOf(kafkaService, redisService);
