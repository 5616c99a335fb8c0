import { systemClock } from '../../controller/clock.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { createGatewayServer, type GatewayServer, type GatewayServerOptions } from '../../controller/gateway/gateway-server.ts';
import { createSecrets } from '../../controller/gateway/secrets.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { seededRandom } from '../support/seeded-random.ts';

type Stores = Pick<GatewayServerOptions, 'streams' | 'state' | 'history'>;

interface WebhookGatewayOptions {
  readonly resultOf: GatewayServerOptions['dispatcher']['resultOf'];
  readonly secrets?: Readonly<Record<string, string>>;
  readonly bodyMax?: number;
}

/** A gateway on a free port of loopback that knows no direct calls. */
export function webhookGateway(stores: Stores, { resultOf, secrets = {}, bodyMax = 2_048 }: WebhookGatewayOptions): Promise<GatewayServer> {
  return createGatewayServer({
    ...stores,
    settings: {
      'gateway.host': '127.0.0.1',
      'gateway.port': 0,
      'gateway.bodyMax': bodyMax,
      'gateway.ratePerSecond': 0,
      'gateway.allowUnverified': false,
      hosts: ['hooks.example.com'],
    },
    token: 'admin-token',
    calls: { call: async () => ({ kind: 'unknown-function' }), giveUp() {}, stop: async () => {} },
    dispatcher: { resultOf },
    secrets: createSecrets({ env: secrets, folder: '', clock: systemClock }),
    clock: systemClock,
    random: seededRandom(2),
    faults: noFaults,
    log: silentLog,
    metrics: noMetrics,
  });
}
