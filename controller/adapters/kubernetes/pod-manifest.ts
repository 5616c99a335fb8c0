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
/**
 * Of the token by which a pod shows who it is when it announces itself. The API server accepts no token for another audience than its own, so that this one opens
 * nothing there.
 */
export const identityAudience = 'faas.internal';
/** Of the admin listener, under the callback URL (docs/wire.md). */
export const announcePath = '/internal/v1/announce';
export const containerName = 'function';
/** For what is counted as the container's and is not the function's: files of its bundle, buffers of the kernel, and what a handler takes between two looks. */
const overheadBytes = 64 * 2 ** 20;
const user = 1_000;
const identityFolder = '/var/run/faas-identity';
/**
 * A server takes it only while the pod starts, and that is minutes. Its node renews it for as long as the pod lives, at four fifths of the time: with the shortest time that there
 * is, 600 s, each pod would cost the API server a signature every eight minutes.
 */
const identityExpiresS = 3_600;

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

/** What one pod has of its own. */
export interface PodParts {
  readonly name: string;
  readonly bootId: string;
  /** The sha256 of the token of its wire, in hex. */
  readonly tokenHash: string;
  readonly spec: PodSpec;
  /** Whether it shall tell the server by itself where it is. */
  readonly announces: boolean;
}

/** A pod that satisfies the restricted Pod Security Standard. Nothing in it is secret. */
export function podManifest(parts: PodParts, template: PodTemplate): object {
  const { name, bootId, spec, announces } = parts;
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
      containers: [container(parts, template)],
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '512Mi' } }, ...(announces ? [identityVolume] : [])],
    },
  };
}

const identityVolume = {
  name: 'identity',
  projected: { sources: [{ serviceAccountToken: { audience: identityAudience, expirationSeconds: identityExpiresS, path: 'token' } }] },
};

function container(
  { bootId, tokenHash, spec: { memoryBytes, callbackUrl }, announces }: PodParts,
  { image, imagePullPolicy, cpu, graceMs, orphanMs }: PodTemplate,
): object {
  const env = {
    FAAS_POD_BOOT_ID: bootId,
    FAAS_POD_TOKEN_SHA256: tokenHash,
    FAAS_POD_MEMORY_BYTES: memoryBytes,
    FAAS_POD_IP: { fieldRef: { fieldPath: 'status.podIP' } },
    FAAS_POD_PORT: podPort,
    FAAS_POD_GRACE_MS: graceMs,
    FAAS_POD_ORPHAN_MS: orphanMs,
    ...(announces && { FAAS_POD_ANNOUNCE_URL: `${callbackUrl}${announcePath}`, FAAS_POD_IDENTITY_FILE: `${identityFolder}/token` }),
  };
  const memory = String(memoryBytes + overheadBytes);
  const probe = { httpGet: { path: '/healthz', port: podPort }, timeoutSeconds: 5 };
  return {
    name: containerName,
    image,
    imagePullPolicy,
    args: ['/app/dist/entries/pod-alone.cjs'],
    env: Object.entries(env).map(([name, value]) => ({
      name,
      ...(typeof value === 'object' ? { valueFrom: value } : { value: String(value) }),
    })),
    ports: [{ name: 'wire', containerPort: podPort }],
    resources: { requests: { cpu, memory }, limits: { memory } },
    readinessProbe: { ...probe, periodSeconds: 5 },
    // The server sees a pod that hangs within seconds; this is for one whose server is away.
    livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 6 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      ...(announces ? [{ name: identityVolume.name, mountPath: identityFolder, readOnly: true }] : []),
    ],
  };
}
