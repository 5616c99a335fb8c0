import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const quietMs = 20;

/**
 * The connections of a server, and how they end: each with an answer that nobody has asked for. A client that has just sent a request takes it as the answer to
 * that, and knows that nothing became of it; one that has not drops the connection. A connection that is closed without a word leaves a client to guess.
 */
export class Connections {
  readonly #server: Server;
  readonly #farewell: Uint8Array;
  /** How many requests of each are open. */
  readonly #open = new Map<Socket, number>();
  readonly #ended = new WeakSet<Socket>();
  #whenOver: (() => void) | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  /** `farewell`: a whole HTTP response, with `connection: close`. */
  constructor(server: Server, farewell: Uint8Array) {
    this.#server = server;
    this.#farewell = farewell;
    server.on('connection', socket => this.#add(socket));
  }

  /** Whether somebody waits for the answer to this request; one that came after the farewell has its answer. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request;
    if (this.#ended.has(socket)) return false;
    this.#open.set(socket, (this.#open.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const open = this.#open.get(socket);
      if (open === undefined) return;
      this.#open.set(socket, open - 1);
      if (this.#whenOver !== undefined && open === 1) this.#end(socket);
    });
    return true;
  }

  /** Ends each as soon as nothing of it is open, and all after `withinMs`; then the server, and calls back. */
  end(withinMs: number, done: () => void): void {
    const late = setTimeout(() => this.#whenOver?.(), withinMs);
    this.#whenOver = () => {
      this.#whenOver = () => undefined;
      clearTimeout(late);
      this.#server.close(done);
      this.#server.closeAllConnections();
    };
    for (const [socket, open] of this.#open) if (open === 0) this.#end(socket);
    this.#overIfNone();
  }

  #add(socket: Socket): void {
    this.#open.set(socket, 0);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#overIfNone();
    });
    if (this.#whenOver !== undefined) this.#end(socket);
  }

  /** The half that we write. The client ends the other one: until then what it has sent is not lost, and neither is what it was told. */
  #end(socket: Socket): void {
    this.#ended.add(socket);
    socket.end(this.#farewell);
  }

  /** Connections that nobody has taken yet are cut off with the listener: it closes when none came for a while, after a turn that takes those that have come. */
  #overIfNone(): void {
    if (this.#open.size > 0 || this.#whenOver === undefined) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      setImmediate(() => {
        if (this.#open.size === 0) this.#whenOver?.();
      });
    }, quietMs);
  }
}
