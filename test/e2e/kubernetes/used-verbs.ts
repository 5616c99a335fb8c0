import type { AuditEvent } from '../../services/kubernetes/kubernetes-node.ts';

/** Each as `<verb> <group>/<resource>`, sorted, the group of the core left out. */
export interface Verbs {
  readonly used: readonly string[];
  readonly refused: readonly string[];
}

/** What an account asked for, and what of it was refused. To apply an object that is not there yet needs the right to create as well: no other event tells of that. */
export function verbsOf(events: readonly AuditEvent[], namespace: string, account: string): Verbs {
  const used = new Set<string>();
  const refused = new Set<string>();
  for (const { verb, user, objectRef, responseStatus } of events) {
    if (user.username !== `system:serviceaccount:${namespace}:${account}` || objectRef?.resource === undefined) continue;
    const { apiGroup = '', resource, subresource } = objectRef;
    const what = placeOf(apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`);
    if (responseStatus?.code === 403) refused.add(`${verb} ${what}`);
    used.add(`${verb} ${what}`);
    if (verb === 'patch' && responseStatus?.code === 201) used.add(`create ${what}`);
  }
  return { used: [...used].sort(), refused: [...refused].sort() };
}

/** From when a server was started until it was ready, in ms since the epoch. */
export interface StartUp {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Without what an API server refused that did not know the roles yet: it answers for about a second before it does, and is not ready. */
export function knowingRoles(events: readonly AuditEvent[], startUp: StartUp): readonly AuditEvent[] {
  return events.filter(({ responseStatus, stageTimestamp }) => {
    const answeredMs = Date.parse(stageTimestamp);
    return responseStatus?.code !== 403 || answeredMs < startUp.fromMs || answeredMs > startUp.toMs;
  });
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export function verbsGranted(rules: readonly Rule[]): readonly string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap(group => resources.flatMap(resource => verbs.map(verb => `${verb} ${placeOf(group, resource)}`))),
    )
    .sort();
}

function placeOf(group: string, resource: string): string {
  return group === '' ? resource : `${group}/${resource}`;
}
