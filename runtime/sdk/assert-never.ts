/** Ends the default branch of a switch over a union: the compiler proves that nothing is left, and a broken peer is named. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
