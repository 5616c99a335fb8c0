/**
 * Pods: where functions run. A pod starts generic (the shim without a function), becomes one function by loading its bundle over the wire,
 * and never serves another.
 *
 * Laws:
 * P1 `start` resolves when the pod answers on its address, or rejects and leaves nothing running.
 * P2 each start has a new id and a new bootId.
 * P3 exactly one exit is reported per started pod, however it ends, with what is known of the reason.
 * P4 `stop` asks (SIGTERM), waits `graceMs`, then kills; it resolves after the exit was reported.
 * P5 pods end within 2 s of losing their parent.
 * P6 a pod sees no environment of the server beyond the allow-list.
 */
export interface Pods {
  start(spec: PodSpec): Promise<PodInfo>;
  list(): readonly PodInfo[];
  stop(id: string, graceMs: number): Promise<PodExit>;
  /** As by kill -9: for a pod that does not answer. */
  kill(id: string): Promise<PodExit>;
  onExit(listener: (exit: PodExit) => void): () => void;
  /** What a pod prints outside of any handler; handler output travels over the wire with its event. */
  onOutput(listener: (output: { id: string; stream: 'stdout' | 'stderr'; text: string }) => void): () => void;
  /** Stops all and resolves when none is left. */
  close(): Promise<void>;
}

export interface PodSpec {
  readonly memoryBytes: number;
  /** Base URL at which the pod reads state and calls other functions, `http://127.0.0.1:7070`. */
  readonly callbackUrl: string;
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

export interface PodExit {
  readonly id: string;
  readonly bootId: string;
  /** stopped: we asked. crashed: it ended by itself. killed: by a signal that we did not send. memory: the memory watch or the kernel. stuck: the shim gave up on a worker that cannot be terminated. */
  readonly reason: 'stopped' | 'crashed' | 'killed' | 'memory' | 'stuck';
  readonly code: number | null;
  readonly signal: string | null;
}
