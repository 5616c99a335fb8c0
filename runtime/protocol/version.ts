import { wireVersion } from './messages.ts';

/** Request header: the version that the sender speaks. A pod that does not speak it answers 426 with `faas-wire: <its versions>`. */
export const wireVersionHeader = 'faas-wire';

export const wireVersions: readonly number[] = [wireVersion];

/** The version named in a request header, when this side speaks it. No header is not a version: a peer that says nothing is not guessed at. */
export function acceptedVersion(header: string | undefined): number | undefined {
  const version = Number(header);
  return header !== undefined && wireVersions.includes(version) ? version : undefined;
}

/** The highest version that both speak, from the `wireVersions` of a pod's status. */
export function commonVersion(theirs: readonly number[]): number | undefined {
  return [...theirs].sort((a, b) => b - a).find(version => wireVersions.includes(version));
}
