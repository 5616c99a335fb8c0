const pattern = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;
const zeros = '0'.repeat(32);

/** A new span in the trace of `parent`, or a new sampled trace where there is no valid parent. */
export function childTraceparent(parent: string | undefined, randomHex: (bytes: number) => string): string {
  const match = parent === undefined ? null : pattern.exec(parent);
  return match === null || match[1] === zeros ? `00-${randomHex(16)}-${randomHex(8)}-01` : `00-${match[1]}-${randomHex(8)}-${match[2]}`;
}
