import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../telemetry/log.ts';

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** How brokers are reached. */
export interface ConnectionOptions {
  /** Tried in turns until one answers; the rest of the cluster is learned from it. */
  readonly seeds: readonly HostPort[];
  readonly tls: TlsOptions | undefined;
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined;
  readonly clientId: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}
