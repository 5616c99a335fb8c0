import type { Row } from './row.ts';
import { stateful, stateless } from './rows/backlog.ts';
import { dashboard } from './rows/dashboard.ts';
import { directCalls } from './rows/direct-calls.ts';
import { fromZero, redeploy } from './rows/from-zero.ts';
import { help } from './rows/help.ts';
import { idleOnKafka, idleOnKubernetes } from './rows/idle.ts';
import { statefulOnRedis, statelessFromKafka } from './rows/kafka.ts';
import { churnOnKubernetes, fromZeroOnKubernetes } from './rows/kubernetes.ts';
import { latency, latencyOnKafka } from './rows/latency.ts';
import { memory, overload } from './rows/memory.ts';
import { order, orderOnKafka } from './rows/order.ts';
import { redisCommit } from './rows/redis-commit.ts';
import { scaleTick } from './rows/scale-tick.ts';

export const rows: readonly Row[] = [
  stateless,
  stateful,
  statelessFromKafka,
  statefulOnRedis,
  latency,
  latencyOnKafka,
  fromZero,
  redeploy,
  directCalls,
  order,
  orderOnKafka,
  memory,
  overload,
  help,
  redisCommit,
  dashboard,
  scaleTick,
  idleOnKafka,
  idleOnKubernetes,
  fromZeroOnKubernetes,
  churnOnKubernetes,
];
