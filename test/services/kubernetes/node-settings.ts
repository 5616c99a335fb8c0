import { join } from 'node:path';
import { bridge, containerdSocket, type NodePlace, pauseImage, podNetwork } from './node-place.ts';
import type { NodeProgram } from './programs.ts';

type Flags = Readonly<Record<string, string | number | boolean>>;

/** How each program of a node is started. Nothing elects a leader, since there is one of each, and no client of the API server is throttled. */
export function programFlags(place: NodePlace): Readonly<Record<Exclude<NodeProgram, 'kubectl'>, Flags>> {
  const pki = (file: string) => join(place.folder, 'pki', file);
  const asClient = (name: string) => ({
    kubeconfig: join(place.folder, `${name}.kubeconfig`),
    'authentication-kubeconfig': join(place.folder, `${name}.kubeconfig`),
    'authorization-kubeconfig': join(place.folder, `${name}.kubeconfig`),
    'bind-address': '127.0.0.1',
    'leader-elect': false,
    'kube-api-qps': 1_000,
    'kube-api-burst': 2_000,
    profiling: false,
  });
  return {
    etcd: etcdFlags(place),
    'kube-apiserver': apiServerFlags(place, pki),
    'kube-controller-manager': {
      ...asClient('controller-manager'),
      'service-account-private-key-file': pki('sa.key'),
      'root-ca-file': pki('ca.crt'),
      'use-service-account-credentials': true,
      'cluster-signing-cert-file': pki('ca.crt'),
      'cluster-signing-key-file': pki('ca.key'),
    },
    'kube-scheduler': asClient('scheduler'),
    kubelet: {
      config: join(place.folder, 'kubelet.json'),
      kubeconfig: join(place.folder, 'kubelet.kubeconfig'),
      'hostname-override': place.nodeName,
      'node-ip': place.nodeAddress,
      'root-dir': join(place.folder, 'kubelet'),
      'cert-dir': join(place.folder, 'pki'),
    },
    'kube-proxy': { config: join(place.folder, 'proxy.json') },
  };
}

function etcdFlags(place: NodePlace): Flags {
  const client = `http://127.0.0.1:${place.etcdPort}`;
  const peer = `http://127.0.0.1:${place.etcdPeerPort}`;
  return {
    name: 'one',
    'data-dir': join(place.folder, 'etcd'),
    // What a test loses with its machine is nothing.
    'unsafe-no-fsync': true,
    'log-level': 'warn',
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `one=${peer}`,
    'heartbeat-interval': 50,
    'election-timeout': 500,
  };
}

function apiServerFlags(place: NodePlace, pki: (file: string) => string): Flags {
  return {
    'etcd-servers': `http://127.0.0.1:${place.etcdPort}`,
    'bind-address': place.nodeAddress,
    'advertise-address': place.nodeAddress,
    'secure-port': place.apiPort,
    'tls-cert-file': pki('apiserver.crt'),
    'tls-private-key-file': pki('apiserver.key'),
    'client-ca-file': pki('ca.crt'),
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': pki('sa.pub'),
    'service-account-signing-key-file': pki('sa.key'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': true,
    'service-cluster-ip-range': place.slot.serviceRange,
    'kubelet-client-certificate': pki('apiserver-kubelet.crt'),
    'kubelet-client-key': pki('apiserver-kubelet.key'),
    'kubelet-certificate-authority': pki('ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
    'requestheader-client-ca-file': pki('front-proxy-ca.crt'),
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-username-headers': 'X-Remote-User',
    'proxy-client-cert-file': pki('front-proxy.crt'),
    'proxy-client-key-file': pki('front-proxy.key'),
    // Who used which verb on what: the tests of the chart's roles compare it with what was granted.
    'audit-policy-file': join(place.folder, 'audit-policy.json'),
    'audit-log-path': join(place.folder, 'audit.log'),
    profiling: false,
  };
}

/** Files that programs are told to read, by name inside the folder. */
export function settingsFiles(place: NodePlace): Readonly<Record<string, string>> {
  const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;
  return {
    'kubelet.json': json(kubeletSettings(place)),
    'proxy.json': json(proxySettings(place)),
    'audit-policy.json': json({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
    }),
    // What a pod that asks the node for names would ask: nobody, so that nothing leaves the machine.
    'resolv.conf': 'nameserver 127.0.0.1\n',
    [join('cni', '10-bridge.conflist')]: json(networkSettings(place)),
    [join('containerd', 'config.toml')]: containerdSettings(place),
  };
}

function kubeletSettings(place: NodePlace): unknown {
  const never = {
    'memory.available': '0%',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'imagefs.available': '0%',
    'imagefs.inodesFree': '0%',
  };
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: place.nodeAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(place.folder, 'pki', 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(place.folder, 'pki', 'kubelet-server.crt'),
    tlsPrivateKeyFile: join(place.folder, 'pki', 'kubelet-server.key'),
    containerRuntimeEndpoint: `unix://${containerdSocket(place)}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${place.slot.controlGroup}`,
    failSwapOn: false,
    clusterDomain: 'cluster.local',
    clusterDNS: [place.slot.dnsAddress],
    resolvConf: join(place.folder, 'resolv.conf'),
    // A full disk of the machine must neither evict pods nor remove images, which are nowhere else.
    evictionHard: never,
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    enforceNodeAllocatable: ['pods'],
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    podLogsDir: join(place.folder, 'pod-logs'),
    volumePluginDir: join(place.folder, 'volume-plugins'),
    healthzBindAddress: '127.0.0.1',
    maxPods: 240,
  };
}

function proxySettings(place: NodePlace): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    bindAddress: place.nodeAddress,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    clientConnection: { kubeconfig: join(place.folder, 'proxy.kubeconfig') },
    clusterCIDR: place.slot.podRange,
    hostnameOverride: place.nodeName,
    nodePortAddresses: [`${place.nodeAddress}/32`],
    // What comes late, out of a connection's window, is still of that connection: else an answer to a pod goes to the node itself, which resets it.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s', tcpBeLiberal: true },
    iptables: { minSyncPeriod: '0s', syncPeriod: '30s' },
  };
}

function networkSettings(place: NodePlace): unknown {
  const range = [{ subnet: place.slot.podRange, gateway: place.nodeAddress }];
  const ipam = { type: 'host-local', dataDir: join(place.folder, 'addresses'), ranges: [range], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    cniVersion: '0.4.0',
    name: podNetwork,
    plugins: [
      { type: 'bridge', bridge, isGateway: true, ipMasq: true, hairpinMode: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function containerdSettings(place: NodePlace): string {
  const unused = ['snapshotter.v1.aufs', 'snapshotter.v1.btrfs', 'snapshotter.v1.devmapper', 'snapshotter.v1.zfs'];
  const folder = (name: string) => JSON.stringify(join(place.folder, 'containerd', name));
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  return [
    'version = 2',
    `root = ${folder('root')}`,
    `state = ${folder('state')}`,
    `disabled_plugins = [${unused.map(name => `"io.containerd.${name}"`).join(', ')}]`,
    '[grpc]',
    `  address = "${containerdSocket(place)}"`,
    '[plugins."io.containerd.internal.v1.opt"]',
    `  path = ${folder('opt')}`,
    `${cri}]`,
    `  sandbox_image = "${pauseImage}"`,
    '  # Without CAP_SYS_RESOURCE, lowering a score of the out-of-memory killer fails, and every pod with it.',
    '  restrict_oom_score_adj = true',
    `  ${cri}.containerd]`,
    '    snapshotter = "overlayfs"',
    '    default_runtime_name = "runc"',
    `  ${cri}.containerd.runtimes.runc]`,
    '    runtime_type = "io.containerd.runc.v2"',
    `  ${cri}.containerd.runtimes.runc.options]`,
    '    SystemdCgroup = false',
    `  ${cri}.cni]`,
    '    bin_dir = "/usr/lib/cni"',
    `    conf_dir = "${join(place.folder, 'cni')}"`,
    '',
  ].join('\n');
}
