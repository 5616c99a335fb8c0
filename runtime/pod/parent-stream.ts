import type { ServerResponse } from 'node:http';

/** One line to the parent, as JSON. `draining`: somebody else told the pod to end. `replaced`: another parent has attached. */
export type PodLine =
  | { readonly kind: 'alive' | 'draining' | 'replaced' }
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'exit'; readonly reason: string };

/** What a parent that does not read has to miss. */
const unreadBytesMax = 2 ** 20;
const aliveMs = 2_000;

/**
 * The answer to `/v1/attach`, which lasts as long as the pod: how a parent that is not this process' own hears what happens, and learns within a moment that it has
 * ended. The latest parent has it.
 */
export class ParentStream {
  #response: ServerResponse | undefined;
  #seenAtMs: number;

  constructor(nowMs: number) {
    this.#seenAtMs = nowMs;
    setInterval(() => this.say({ kind: 'alive' }), aliveMs).unref();
  }

  get isAttached(): boolean {
    return this.#response !== undefined;
  }

  attach(response: ServerResponse): void {
    this.say({ kind: 'replaced' });
    this.#response?.end();
    this.#response = response;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.on('error', () => undefined);
    response.on('close', () => {
      if (this.#response === response) this.#response = undefined;
    });
    this.say({ kind: 'alive' });
  }

  say(line: PodLine): void {
    const response = this.#response;
    if (response === undefined || response.writableLength > unreadBytesMax) return;
    response.write(`${JSON.stringify(line)}\n`);
  }

  /** Any request that carries the token is a sign of a parent. */
  seen(nowMs: number): void {
    this.#seenAtMs = nowMs;
  }

  /** How long there has been no sign of a parent. */
  aloneMs(nowMs: number): number {
    return nowMs - this.#seenAtMs;
  }

  end(): void {
    this.#response?.end();
    this.#response = undefined;
  }
}
