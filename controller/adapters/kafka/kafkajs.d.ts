/**
 * The parts of kafkajs 2.2.4 that this adapter stands on: connections with TLS and SASL, and the requests of groups and topics. They have no types of
 * their own, and the version is pinned exactly.
 */
declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    buf: Buffer;
    offset: number;
    constructor(initialSize?: number);
    ensureAvailable(bytes: number): void;
    writeBuffer(bytes: Buffer): this;
  }
}

declare module 'kafkajs/src/network/connectionPool.js' {
  import type { Socket } from 'node:net';
  import type { ConnectionOptions } from 'node:tls';
  import type Encoder from 'kafkajs/src/protocol/encoder.js';

  export interface Call<Answer> {
    readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string; encode(): Promise<Encoder> };
    readonly response: { decode(payload: Buffer): Promise<object>; parse(decoded: object): Promise<Answer> };
    readonly logResponseError?: boolean;
  }
  export default class ConnectionPool {
    readonly host: string;
    readonly port: number;
    constructor(options: {
      readonly host: string;
      readonly port: number;
      readonly ssl: ConnectionOptions | null;
      readonly sasl: object | null;
      readonly clientId: string;
      readonly socketFactory: (to: { host: string; port: number; ssl: ConnectionOptions | null; onConnect: () => void }) => Socket;
      readonly connectionTimeout: number;
      readonly requestTimeout: number;
      readonly enforceRequestTimeout: boolean;
      readonly logger: object;
    });
    send<Answer>(call: Call<Answer>): Promise<Answer>;
  }
}

declare module 'kafkajs/src/network/connection.js' {
  export default class Connection {
    chunks: Buffer[];
    readonly bytesBuffered: number;
    processData(bytes: Buffer): void;
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: {
    createLogger(options: {
      level: number;
      logCreator: () => (entry: { label: string; log: { message: string; [name: string]: unknown } }) => void;
    }): object;
  };
  export default loggers;
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C/index.js' {
  export default function crc32C(bytes: Uint8Array): number;
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: { createErrorFromCode(code: number): Error & { readonly type: string } };
  export default errors;
}

declare module 'kafkajs/src/protocol/requests/metadata/v5/request.js' {
  import type { Call } from 'kafkajs/src/network/connectionPool.js';
  /** No topics: all of them. */
  export default function request(options: { topics: readonly string[]; allowAutoTopicCreation: boolean }): Call<object>['request'];
}

declare module 'kafkajs/src/protocol/requests/metadata/v5/response.js' {
  export interface Metadata {
    readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
    readonly controllerId: number;
    readonly topicMetadata: readonly {
      readonly topicErrorCode: number;
      readonly topic: string;
      readonly isInternal: boolean;
      readonly partitionMetadata: readonly {
        readonly partitionId: number;
        readonly leader: number;
        readonly replicas: readonly number[];
        readonly isr: readonly number[];
      }[];
    }[];
  }
  const response: { decode(payload: Buffer): Promise<Metadata> };
  export default response;
}

declare module 'kafkajs/src/broker/index.js' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js';

  interface Partitioned<Partition> {
    readonly topic: string;
    readonly partitions: readonly Partition[];
  }
  /** One node of the cluster. Requests throw errors with the `type` of the protocol, connections errors with a `name`. */
  export default class Broker {
    readonly connectionPool: ConnectionPool;
    readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
    constructor(options: {
      connectionPool: ConnectionPool;
      logger: object;
      allowAutoTopicCreation: boolean;
      authenticationTimeout: number;
    });
    isConnected(): boolean;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    findGroupCoordinator(of: { groupId: string; coordinatorType: number }): Promise<{
      readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
    }>;
    joinGroup(request: {
      groupId: string;
      sessionTimeout: number;
      rebalanceTimeout: number;
      memberId: string;
      groupProtocols: readonly { name: string; metadata: Buffer }[];
    }): Promise<{
      readonly generationId: number;
      readonly leaderId: string;
      readonly memberId: string;
      readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
    }>;
    syncGroup(request: {
      groupId: string;
      generationId: number;
      memberId: string;
      groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
    }): Promise<{ readonly memberAssignment: Buffer }>;
    heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
    leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
    deleteGroups(groups: readonly string[]): Promise<{ readonly results: readonly { readonly error?: Error }[] }>;
    offsetCommit(request: {
      groupId: string;
      groupGenerationId: number;
      memberId: string;
      topics: readonly Partitioned<{ partition: number; offset: string; metadata: string }>[];
    }): Promise<unknown>;
    offsetFetch(request: { groupId: string; topics: readonly Partitioned<{ partition: number }>[] }): Promise<{
      readonly responses: readonly Partitioned<{ partition: number; offset: string; metadata: string | null }>[];
    }>;
    listOffsets(request: {
      replicaId: number;
      isolationLevel: number;
      topics: readonly Partitioned<{ partition: number; timestamp: number }>[];
    }): Promise<{ readonly responses: readonly Partitioned<{ partition: number; offset: string }>[] }>;
    createTopics(request: {
      topics: readonly {
        topic: string;
        numPartitions: number;
        replicationFactor: number;
        configEntries: readonly { name: string; value: string }[];
      }[];
      timeout: number;
    }): Promise<unknown>;
    describeConfigs(request: { resources: readonly { type: number; name: string; configNames: readonly string[] }[] }): Promise<{
      readonly resources: readonly { readonly resourceName: string; readonly configEntries: readonly { readonly configValue: string }[] }[];
    }>;
    deleteTopics(request: { topics: readonly string[]; timeout: number }): Promise<unknown>;
  }
}

declare module 'kafkajs-snappy' {
  export default function codec(): {
    compress(encoder: { readonly buffer: Uint8Array }): Promise<Uint8Array>;
    decompress(bytes: Buffer): Promise<Uint8Array>;
  };
}
