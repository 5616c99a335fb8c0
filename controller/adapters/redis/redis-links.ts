import type { RedisLink } from './redis-link.ts';

/** The connections to a Redis, whatever its shape: one to a single server or to the primary of a set, one to each node of a cluster. */
export interface RedisLinks {
  /** Without secrets, for messages. */
  readonly place: string;
  /** The connection to where all keys of this unit (or of another hash tag) are. */
  of(unit: string): Promise<RedisLink>;
  /** Each of them, for looking at the servers. */
  all(): readonly RedisLink[];
  /** Whether `durability: strict` can be kept there. */
  readonly isStrict: boolean;
  /** Calls back for every message of the channel, and whenever some may have been missed. The answer stops it. */
  listen(channel: string, onMessage: () => void): () => void;
  close(): Promise<void>;
}

export function singleLink(link: RedisLink): RedisLinks {
  return {
    place: link.place,
    of: async () => link,
    all: () => [link],
    get isStrict() {
      return link.isStrict;
    },
    listen: (channel, onMessage) => link.listen(channel, onMessage),
    close: () => link.close(),
  };
}
