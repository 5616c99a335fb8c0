import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { helm } from '../services/helm.ts';

/** Without a cluster helm believes in one that is very old. */
export const kubernetesVersion = '1.33.0';
export const chart = fileURLToPath(new URL('../../helm', import.meta.url));

const set = (...values: readonly string[]) => values.flatMap(value => ['--set', value]);

/** What a first installation has to say, on servers by name. */
export const usual = set(
  'image.repository=registry.example.com/faas',
  'secret.name=faas',
  'kafka.brokers={kafka:9092}',
  'redis.url=redis://redis:6379',
);
export const single = set('image.repository=registry.example.com/faas', 'secret.name=faas', 'profile=single');
/** All that can be switched on. */
export const everything = [
  ...usual,
  ...set(
    'kafka.tls.enabled=true',
    'kafka.tls.secret=kafka-tls',
    'kafka.tls.clientCertificate=true',
    'kafka.sasl.mechanism=scram-sha-512',
    'kafka.sasl.username=faas',
    'kafka.sasl.passwordSecret=kafka',
    'redis.url=rediss://redis:6379',
    'redis.passwordSecret=redis',
    'redis.tls.secret=redis-tls',
    'webhookSecrets={stripe,github}',
    'gateway.ingress.enabled=true',
    'gateway.ingress.host=hooks.example.com',
    'gateway.ingress.calls=true',
    'gateway.ingress.tlsSecret=tls',
    'monitoring.serviceMonitor.enabled=true',
    'monitoring.alerts.enabled=true',
    'monitoring.dashboard.enabled=true',
    'resourceTriggers[0].apiGroups[0]=',
    'resourceTriggers[0].resources={configmaps}',
    'resourceTriggers[1].apiGroups[0]=',
    'resourceTriggers[1].resources={secrets}',
    'resourceTriggers[1].namespaces={shop}',
    'image.pullSecrets[0].name=registry',
    'image.pullPolicy=Always',
    'nodeSelector.disk=fast',
    'tolerations[0].operator=Exists',
    'settings.FAAS_HOSTS=hooks.example.org',
    'settings.FAAS_LEADERSHIP=lease',
    'networkPolicy.adminFrom[0].namespaceSelector.matchLabels.name=monitoring',
    'networkPolicy.functionEgress[0].ports[0].port=443',
  ),
];

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, as the API server takes them.
export type KubernetesObject = any;

/** The objects that an installation of these values makes. */
export async function render(values: readonly string[]): Promise<readonly KubernetesObject[]> {
  const text = await template(values);
  return parseAllDocuments(text).flatMap(document => document.toJSON() ?? []);
}

/** What `helm template` writes; throws with what it says. */
export function template(values: readonly string[]): Promise<string> {
  return helm(['template', 'faas', chart, '--namespace', 'faas-system', '--kube-version', kubernetesVersion, ...values]);
}
