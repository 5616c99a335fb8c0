import type { ContextSpec, ResourceTrigger } from './spec.ts';

/** What the server must be allowed to read so that resource triggers see changes; a Role in a namespace, or a ClusterRole where that is undefined. */
export interface ClusterRule {
  readonly namespace: string | undefined;
  /** '' is the core group. */
  readonly apiGroup: string;
  /** Lower case and in the plural, as in a Role: `configmaps`. */
  readonly resource: string;
  readonly verbs: readonly ['list', 'watch'];
}

/** The rules of all resource triggers of a context, each once: by namespace, group and resource. A rule for all namespaces takes the place of those for single ones. */
export function clusterRules(spec: Pick<ContextSpec, 'functions'>): readonly ClusterRule[] {
  const rules = new Map<string, ClusterRule>();
  for (const { on } of spec.functions) {
    for (const trigger of on) {
      if (trigger.kind !== 'resource') continue;
      const rule = ruleOf(trigger);
      rules.set(keyOf(rule), rule);
    }
  }
  return [...rules.values()]
    .filter(rule => rule.namespace === undefined || !rules.has(keyOf({ ...rule, namespace: undefined })))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function ruleOf({ apiVersion, resourceKind, namespace }: ResourceTrigger): ClusterRule {
  const apiGroup = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return { namespace, apiGroup, resource: pluralOf(resourceKind), verbs: ['list', 'watch'] };
}

function keyOf({ namespace = '', apiGroup, resource }: Pick<ClusterRule, 'namespace' | 'apiGroup' | 'resource'>): string {
  return `${namespace}/${apiGroup}/${resource}`;
}

/** As kubectl guesses it from a kind; a custom resource may have another plural. */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name === 'endpoints') return name;
  if (/(s|x|z|ch|sh)$/.test(name)) return `${name}es`;
  return /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`;
}
