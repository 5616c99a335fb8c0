export type Security = 'none' | 'tls' | 'sasl' | 'sasl-tls';

export interface BrokerPlace {
  readonly id: number;
  /** At which clients connect. */
  readonly host: string;
  /** Where clients connect; `advertised` is where they are told to. */
  readonly port: number;
  readonly advertised: number;
  /** Brokers speak to each other here, so that a proxy before `port` is in the way of clients alone. */
  readonly innerPort: number;
  readonly controllerPort: number;
}

export const saslUsers = {
  plain: { username: 'plain-user', password: 'plain-secret' },
  scram: { username: 'scram-user', password: 'scram-secret' },
};

const protocols = { none: 'PLAINTEXT', tls: 'SSL', sasl: 'SASL_PLAINTEXT', 'sasl-tls': 'SASL_SSL' } as const;

/** A small broker: few threads, small buffers, and what takes half a minute in production takes seconds. */
export function brokerProperties(
  place: BrokerPlace,
  all: readonly BrokerPlace[],
  options: {
    readonly folder: string;
    readonly security: Security;
    readonly keystore: string;
    readonly settings: Readonly<Record<string, string>>;
  },
): string {
  const replicas = Math.min(3, all.length);
  const inSync = replicas > 2 ? 2 : 1;
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': place.id,
    'controller.quorum.voters': all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `CLIENT://${place.host}:${place.port},INNER://127.0.0.1:${place.innerPort},CONTROLLER://127.0.0.1:${place.controllerPort}`,
    'advertised.listeners': `CLIENT://${place.host}:${place.advertised},INNER://127.0.0.1:${place.innerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INNER',
    'listener.security.protocol.map': `CLIENT:${protocols[options.security]},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'log.dirs': `${options.folder}/data`,
    'auto.create.topics.enable': false,
    // Tests write records of any time: old ones must not be deleted at once.
    'log.retention.ms': -1,
    // Nor may they begin a segment each, which ends what one fetch answers.
    'log.roll.ms': 1e12,
    'log.retention.check.interval.ms': 1_000,
    'log.initial.task.delay.ms': 500,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.replica.fetchers': 1,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 1,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'log.cleaner.io.buffer.size': 131_072,
    'log.index.size.max.bytes': 1_048_576,
    'file.delete.delay.ms': 1_000,
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3_000,
    'controller.quorum.election.timeout.ms': 500,
    'controller.quorum.election.backoff.max.ms': 500,
    'controller.quorum.fetch.timeout.ms': 1_500,
    'replica.lag.time.max.ms': 3_000,
    'replica.fetch.wait.max.ms': 200,
    'replica.fetch.backoff.ms': 200,
    ...(options.security.startsWith('sasl') ? saslProperties() : {}),
    ...(options.security.endsWith('tls') ? tlsProperties(options.keystore) : {}),
    ...options.settings,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

export const keystorePassword = 'keystore-secret';

function tlsProperties(keystore: string): Record<string, string> {
  return {
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keystore,
    'ssl.keystore.password': keystorePassword,
    'ssl.key.password': keystorePassword,
  };
}

function saslProperties(): Record<string, string> {
  const { username, password } = saslUsers.plain;
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`,
    'listener.name.client.scram-sha-256.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'listener.name.client.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  };
}
