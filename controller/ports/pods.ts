/**
 * Pods: where functions run. A pod starts generic (the shim without a function), becomes one function by loading its bundle over the wire,
 * and never serves another.
 *
 * Laws:
 * P1 `start` resolves when the pod answers on its address, or rejects and leaves nothing running; within `startMs` where that is given.
 * P2 each start has a new id and a new bootId.
 * P3 exactly one exit is reported per started pod, however it ends, with what is known of the reason.
 * P4 `stop` asks (SIGTERM), waits `graceMs`, then kills; it resolves after the exit was reported.
 * P5 a pod ends when its parent is gone: within 2 s where no parent can come back (child processes), else once no parent has been heard of for
 * the time that the adapter was given, so that a server which starts again finds its pods.
 * P6 a pod sees no environment of the server beyond the allow-list.
 * P7 `adopt` answers what an earlier parent has left and what still answers, each pod once and from then on as if it had been started here; what does
 * not answer is ended, and so is what is found later. Where pods end with their parent there is nothing to adopt.
 * P8 a pod that will take no batch any more is told of as soon as that is known, which may be long before its exit.
 * P9 an announcement is taken of a pod that starts and has not been reached yet, once, and with a token that this pod alone can have. It makes a start
 * faster; without it, or with one that is refused, the start goes on as before.
 */
export interface Pods {
  readonly capabilities: PodsCapabilities;
  start(spec: PodSpec): Promise<PodInfo>;
  adopt(callbackUrl: string): Promise<readonly AdoptedPod[]>;
  /** A pod says where it is, before who rules over the machines does. Answers at once; undefined: pods say it over a channel of their own. */
  announced?(token: string, announcement: PodAnnouncement): Promise<AnnouncementAnswer>;
  list(): readonly PodInfo[];
  /** What keeps pods from starting at the moment, the oldest first. */
  waiting(): readonly PodTrouble[];
  /** Says to whoever looks at pods from outside what this one has become. Never fails. */
  mark(id: string, facts: { readonly unit: string; readonly revision: string }): void;
  stop(id: string, graceMs: number): Promise<PodExit>;
  /** As by kill -9: for a pod that does not answer. */
  kill(id: string): Promise<PodExit>;
  onExit(listener: (exit: PodExit) => void): () => void;
  onLeaving(listener: (leaving: PodLeaving) => void): () => void;
  /** What a pod prints outside of any handler; handler output travels over the wire with its event. */
  onOutput(listener: (output: { id: string; stream: 'stdout' | 'stderr'; text: string }) => void): () => void;
  /** Stops all and resolves when none is left. */
  close(): Promise<void>;
}

export interface PodsCapabilities {
  /** A pod has the memory that it was started with, and no function that needs more can be loaded into it. */
  readonly memoryFixed: boolean;
}

export interface PodSpec {
  /** For the function; what the pod needs for itself comes on top. */
  readonly memoryBytes: number;
  /** Base URL at which the pod reads state and calls other functions, `http://127.0.0.1:7070`. */
  readonly callbackUrl: string;
  /** How long the start may take, in milliseconds, where that is shorter than the adapter's own limit: somebody waits for this pod. */
  readonly startMs?: number;
}

export interface PodInfo {
  readonly id: string;
  readonly bootId: string;
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** Bearer token of this pod's wire. */
  readonly token: string;
  readonly startedAtMs: number;
  readonly pid: number | undefined;
}

export interface PodAnnouncement {
  readonly bootId: string;
  /** IPv4 or IPv6, without brackets. */
  readonly ip: string;
}

/** refused: the token is not that of the pod, or cannot be verified at the moment. unexpected: nobody waits for that pod, or not any more. */
export type AnnouncementAnswer = 'taken' | 'refused' | 'unexpected';

export interface AdoptedPod {
  readonly info: PodInfo;
  readonly memoryBytes: number;
  /** undefined: a generic one. */
  readonly loaded: { readonly unit: string; readonly revision: string; readonly handler: 'event' | 'batch' } | undefined;
}

export interface PodTrouble {
  /** One word in CamelCase: `Unschedulable`, `ImagePullBackOff`. */
  readonly reason: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** told: by somebody else, and it drains. lost: the connection to it broke, and its exit will be reported. */
export interface PodLeaving {
  readonly id: string;
  readonly why: 'told' | 'lost';
}

export interface PodExit {
  readonly id: string;
  readonly bootId: string;
  /** stopped: it was told to end, by us or by who rules over the machines. crashed: it ended by itself. killed: by a signal that we did not send. memory: the memory watch or the kernel. stuck: the shim gave up on a worker that cannot be terminated. */
  readonly reason: 'stopped' | 'crashed' | 'killed' | 'memory' | 'stuck';
  readonly code: number | null;
  readonly signal: string | null;
  /** What else is known of it, in words. */
  readonly detail?: string;
}
