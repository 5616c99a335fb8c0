import { beforeAll, expect, test } from 'vitest';
import { podFields } from '../../controller/adapters/kubernetes/pod-fields.ts';
import { settingTable } from '../../controller/settings.ts';
import { helm, helmBuildMsMax, helmProgram, helmService } from '../services/helm.ts';
import { describeWith } from '../services/needed-service.ts';
import { chart, everything, kubernetesVersion, render, single, template, usual } from './chart.ts';

describeWith(helmService, 'the chart', () => {
  beforeAll(helmProgram, helmBuildMsMax);

  test('helm lint finds nothing', async () => {
    for (const values of [usual, single])
      expect(await helm(['lint', '--strict', '--kube-version', kubernetesVersion, chart, ...values])).toContain('0 chart(s) failed');
  });

  test('distributed: three roles with two servers each, on the Kafka and the Redis of the values', async () => {
    const objects = await render(usual);
    const deployments = objects.filter(({ kind }) => kind === 'Deployment');
    expect(deployments.map(one => [one.metadata.name, one.spec.replicas])).toEqual([
      ['faas-controller', 2],
      ['faas-dispatcher', 2],
      ['faas-gateway', 2],
    ]);
    const settings = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'faas')?.data;
    expect(settings).toMatchObject({ FAAS_STREAMS: 'kafka://kafka:9092', FAAS_STATE: 'redis://redis:6379' });
    expect(objects.filter(({ kind }) => kind === 'PodDisruptionBudget')).toHaveLength(3);
    expect(objects.some(({ kind }) => kind === 'Ingress')).toBe(false);
  });

  test('single: one server, a volume that stays, no Kafka and no Redis', async () => {
    const objects = await render(single);
    expect(objects.find(({ kind }) => kind === 'StatefulSet')?.spec.replicas).toBe(1);
    expect(objects.find(({ kind }) => kind === 'PersistentVolumeClaim')?.metadata.annotations).toEqual({
      'helm.sh/resource-policy': 'keep',
    });
    expect(JSON.stringify(objects)).not.toMatch(/FAAS_STREAMS|FAAS_STATE|FAAS_KAFKA/);
  });

  test('every variable is a setting of the server', async () => {
    const known = new Set(Object.keys(settingTable).map(key => `FAAS_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`));
    for (const values of [usual, single, everything]) {
      const objects = await render(values);
      const settings = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'faas')?.data ?? {};
      expect(Object.keys(settings).filter(name => !known.has(name))).toEqual([]);
    }
  });

  test('rights: no wildcard, no secrets, no exec but what is asked for by name, and a gateway has none but to look up who leads', async () => {
    const objects = await render(everything);
    const rolesOf = (kind: string) => objects.filter(one => one.kind === kind);
    const asked = rolesOf('Role').find(({ metadata }) => metadata.namespace === 'shop');
    expect(asked?.rules).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }]);
    const rules = [...rolesOf('Role'), ...rolesOf('ClusterRole')].filter(one => one !== asked).flatMap(({ rules = [] }) => rules);
    const text = JSON.stringify(rules);
    expect(rules.length).toBeGreaterThan(4);
    expect(text).not.toContain('*');
    expect(text).not.toMatch(/"secrets"|"pods\/exec"|"escalate"|"impersonate"/);
    const bare = await render(usual);
    expect(bare.filter(({ kind }) => kind === 'RoleBinding').map(one => one.metadata.name)).not.toContain('faas-gateway');
    expect(JSON.stringify(bare)).not.toContain('leases');
    const hasToken = (all: typeof objects) =>
      all.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'faas-gateway')?.spec.template.spec
        .automountServiceAccountToken;
    expect([hasToken(bare), hasToken(objects)]).toEqual([false, true]);
    const leases = (part: string) =>
      rolesOf('Role')
        .filter(({ metadata }) => metadata.name === `faas-${part}`)
        .flatMap(({ rules }) => rules)
        .find(({ resources }) => resources.includes('leases'))?.verbs;
    expect([leases('controller'), leases('dispatcher'), leases('gateway')]).toEqual([['get', 'create', 'update'], ['get'], ['get']]);
  });

  test.each([
    ['distributed', usual, ['controller', 'dispatcher']],
    ['single', single, ['server']],
  ])('%s: a server that starts pods is told the name and the uid of its own, to be their owner', async (_, values, parts) => {
    const servers = (await render(values)).filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
    const owners = servers.flatMap(({ metadata, spec }) => {
      const env: { name: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[] = spec.template.spec.containers[0].env;
      const fields = ['FAAS_POD_NAME', 'FAAS_POD_UID'].flatMap(
        name => env.find(one => one.name === name)?.valueFrom?.fieldRef?.fieldPath ?? [],
      );
      return fields.length === 0 ? [] : [[metadata.name, ...fields]];
    });
    expect(owners).toEqual(parts.map(part => [`faas-${part}`, 'metadata.name', 'metadata.uid']));
  });

  test('pods of functions are fetched and placed like servers; hosts of ones own are answered to', async () => {
    const objects = await render(everything);
    const settings = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'faas')?.data ?? {};
    expect(settings).toMatchObject({ FAAS_KUBERNETES_IMAGE_PULL_POLICY: 'Always' });
    expect(podFields(settings.FAAS_KUBERNETES_POD_FIELDS)).toEqual({
      nodeSelector: { disk: 'fast' },
      tolerations: [{ operator: 'Exists' }],
      imagePullSecrets: [{ name: 'registry' }],
    });
    const { spec } = objects.find(({ kind }) => kind === 'Deployment')?.spec.template ?? {};
    expect(spec).toMatchObject({
      nodeSelector: { disk: 'fast' },
      tolerations: [{ operator: 'Exists' }],
      imagePullSecrets: [{ name: 'registry' }],
    });
    const hosts = spec.containers[0].env.find(({ name }: { name: string }) => name === 'FAAS_HOSTS').value.split(',');
    expect(hosts).toEqual(
      expect.arrayContaining(['faas-controller', 'hooks.example.com', 'hooks.example.org', '$(FAAS_CONTROLLER_SERVICE_HOST)']),
    );
  });

  test('no secret is in any object: they are named, and mounted from where they are', async () => {
    const objects = await render(everything);
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    // Nowhere, whatever an object calls it; `secret:` and `secretName:` name one, and policies and alerts hold none.
    expect(JSON.stringify(objects)).not.toMatch(
      /"[^"]*(password|token|secret)[^"]*":"(?!faas|kafka|redis|stripe|github|tls|\/etc\/faas\/)[^"]+"/i,
    );
    const variables = objects.flatMap(one => one.spec?.template?.spec?.containers ?? []).flatMap(({ env = [] }) => env);
    expect(variables.filter(({ name, value }) => /PASSWORD|SECRET|TOKEN/.test(name) && value !== undefined)).toEqual([]);
    const settings = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'faas')?.data ?? {};
    const telling = Object.keys(settings).filter(name => /PASSWORD|SECRET|TOKEN/.test(name));
    expect(telling.length).toBeGreaterThan(3);
    expect(telling.every(name => name.endsWith('_FILE') || name === 'FAAS_SECRETS_DIR')).toBe(true);
    expect(telling.every(name => settings[name].startsWith('/etc/faas/'))).toBe(true);
  });

  test('monitoring: alerts and the dashboard ask for metrics that there are', async () => {
    const objects = await render(everything);
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['ServiceMonitor', 'PrometheusRule']));
    const { metricTable } = await import('../../controller/telemetry/metrics.ts');
    const asked = JSON.stringify(objects).match(/faas_[a-z_]+/g) ?? [];
    const known = Object.keys(metricTable).flatMap(name => [name, `${name}_bucket`]);
    expect(asked.filter(name => !known.includes(name))).toEqual([]);
  });

  test.each([
    ['no image', ['--set', 'image.repository='], 'image.repository is missing: build the image'],
    ['no token', ['--set', 'secret.name='], 'there is no default token, because whoever has it may deploy code'],
    ['no Kafka', ['--set', 'kafka.brokers=null'], 'kafka.brokers is empty: give host:port of your Kafka, or set profile to single'],
    ['no Redis', ['--set', 'redis.url='], 'redis.url is missing'],
    ['a password in an address', ['--set', 'redis.url=redis://u:pw@h:1'], 'redis.url holds a password'],
    ['certificates without TLS', ['--set', 'kafka.tls.secret=c'], 'the connection would not be encrypted'],
    ['single with a Kafka', ['--set', 'profile=single'], 'the profile single keeps streams and state on its volume'],
    ['an Ingress without a host', ['--set', 'gateway.ingress.enabled=true'], 'gateway.ingress.host is missing'],
    ['a setting that is none', ['--set', 'settings.LOG=debug'], 'settings.LOG is no setting'],
    ['a password as a setting', ['--set', 'settings.FAAS_STATE_PASSWORD=x'], 'would stand in a ConfigMap for everybody to read'],
    ['a secret of a webhook as a setting', ['--set', 'settings.FAAS_SECRET_STRIPE=x'], 'would stand in a ConfigMap'],
    ['a setting that the chart gives', ['--set', 'settings.FAAS_ROLES=gateway'], 'is given by the chart to each part'],
    ['Prometheus behind a policy', ['--set', 'monitoring.serviceMonitor.enabled=true'], 'Prometheus could not reach the servers'],
    ['an unknown value', ['--set', 'kafak.brokers={h:1}'], 'kafak'],
    ['a broker without a port', ['--set', 'kafka.brokers={kafka}'], '/kafka/brokers/0'],
    ['an unknown profile', ['--set', 'profile=double'], 'profile'],
    ['SASL without a user', ['--set', 'kafka.sasl.mechanism=plain'], 'kafka.sasl needs a username and a passwordSecret'],
  ])('%s is refused in a sentence', async (_, more, sentence) => {
    await expect(template([...usual, ...more])).rejects.toThrow(sentence);
  });
});
