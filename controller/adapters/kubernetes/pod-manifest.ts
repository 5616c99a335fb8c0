import type { PodSpec } from '../../ports/pods.ts';

/** What the pods of a server have in common. */
export interface PodTemplate {
  readonly namespace: string;
  readonly image: string;
  readonly serviceAccount: string;
  /** Of whose pods they are: a server that starts again under this name takes them over. */
  readonly server: string;
  /** Requested of the cluster, `50m`; there is no limit, so that a pod may use what is idle. */
  readonly cpu: string;
  readonly imagePullPolicy: string;
  /** Of pod-fields.ts. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly graceMs: number;
  readonly orphanMs: number;
  /** The pod that the server itself runs in: when that is deleted, the cluster deletes its pods. */
  readonly owner: { readonly name: string; readonly uid: string } | undefined;
}

export const labels = {
  component: 'app.kubernetes.io/component',
  server: 'faas.internal/server',
} as const;
export const annotations = {
  bootId: 'faas.internal/boot-id',
  memory: 'faas.internal/memory-bytes',
  revision: 'faas.internal/revision',
} as const;

export const podPort = 7072;
export const containerName = 'function';
/** For what is counted as the container's and is not the function's: files of its bundle, buffers of the kernel, and what a handler takes between two looks. */
const overheadBytes = 64 * 2 ** 20;
const user = 1_000;

/** Ours have this and no other. */
export function labelSelector(server: string): string {
  return `${labels.component}=pod,${labels.server}=${server}`;
}

/** Text that may be the value of a label. */
export function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

/** A pod that satisfies the restricted Pod Security Standard. Nothing in it is secret: `tokenHash` is the sha256 of its token. */
export function podManifest(name: string, bootId: string, tokenHash: string, spec: PodSpec, template: PodTemplate): object {
  const { server, owner, namespace } = template;
  const selector = { [labels.component]: 'pod', [labels.server]: server };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/name': 'faas', 'app.kubernetes.io/managed-by': 'faas', ...selector },
      annotations: { [annotations.bootId]: bootId, [annotations.memory]: String(spec.memoryBytes) },
      ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', ...owner }] }),
    },
    spec: {
      ...template.fields,
      restartPolicy: 'Never',
      serviceAccountName: template.serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // The first process of a namespace cannot end itself by a signal, which is how a pod ends that has a thread in a native call.
      shareProcessNamespace: true,
      terminationGracePeriodSeconds: Math.max(1, Math.ceil(template.graceMs / 1_000)),
      securityContext: { runAsNonRoot: true, runAsUser: user, runAsGroup: user, fsGroup: user, seccompProfile: { type: 'RuntimeDefault' } },
      topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map(topologyKey => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selector },
      })),
      containers: [container(bootId, tokenHash, spec, template)],
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '512Mi' } }],
    },
  };
}

function container(
  bootId: string,
  tokenHash: string,
  { memoryBytes }: PodSpec,
  { image, imagePullPolicy, cpu, graceMs, orphanMs }: PodTemplate,
): object {
  const env = {
    FAAS_POD_BOOT_ID: bootId,
    FAAS_POD_TOKEN_SHA256: tokenHash,
    FAAS_POD_MEMORY_BYTES: memoryBytes,
    FAAS_POD_PORT: podPort,
    FAAS_POD_GRACE_MS: graceMs,
    FAAS_POD_ORPHAN_MS: orphanMs,
  };
  const memory = String(memoryBytes + overheadBytes);
  const probe = { httpGet: { path: '/healthz', port: podPort }, timeoutSeconds: 5 };
  return {
    name: containerName,
    image,
    imagePullPolicy,
    args: ['/app/dist/entries/pod-alone.cjs'],
    env: Object.entries(env).map(([name, value]) => ({ name, value: String(value) })),
    ports: [{ name: 'wire', containerPort: podPort }],
    resources: { requests: { cpu, memory }, limits: { memory } },
    readinessProbe: { ...probe, periodSeconds: 5 },
    // The server sees a pod that hangs within seconds; this is for one whose server is away.
    livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 6 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}
