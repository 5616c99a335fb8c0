/** Files that somebody else renews, read again when what was read last is that old; a failure is not kept. */
export function readAgainAfter<Content>(ms: number, read: () => Promise<Content>): () => Promise<Content> {
  let last: Promise<Content> | undefined;
  let readAtMs = 0;
  return async () => {
    if (last === undefined || performance.now() - readAtMs > ms) {
      readAtMs = performance.now();
      last = read();
      last.catch(() => {
        last = undefined;
      });
    }
    return last;
  };
}
