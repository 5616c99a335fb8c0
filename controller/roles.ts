import { FaasError } from './errors.ts';

export const roleNames = ['controller', 'dispatcher', 'gateway'] as const;
export type Role = (typeof roleNames)[number];

/** The roles of this process; throws FAAS_SETTING_VALUE for what is none, and where it would be alone with a part of them. */
export function rolesOf(
  given: readonly string[],
  { shared, hasSecret }: { readonly shared: boolean; readonly hasSecret: boolean },
): ReadonlySet<Role> {
  const unknown = given.filter(name => !roleNames.some(role => role === name));
  if (unknown.length > 0 || given.length === 0)
    throw new FaasError('FAAS_SETTING_VALUE', `roles must be some of ${roleNames.join(', ')}, and are ${given.join(', ') || 'none'}`);
  const roles = new Set(roleNames.filter(role => given.includes(role)));
  if (roles.size === roleNames.length) return roles;
  if (!shared)
    throw new FaasError(
      'FAAS_SETTING_VALUE',
      `roles: a process with ${[...roles].join(', ')} alone needs others, and streams or state in SQLite belong to one process`,
      'Give it all roles, or set `streams` to a Kafka and `state` to a Redis.',
    );
  if (!hasSecret)
    throw new FaasError(
      'FAAS_SETTING_VALUE',
      `roles: a process with ${[...roles].join(', ')} alone needs others, and nothing by which they know each other`,
      'Set FAAS_CLUSTER_SECRET, or cluster.secretFile to a file whose first line it is, to the same text on all of them.',
    );
  return roles;
}
