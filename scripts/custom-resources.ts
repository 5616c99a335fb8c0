import { stringify } from 'yaml';
import { functionSource } from '../controller/manifest/function-source.ts';
import { identifierPattern } from '../controller/manifest/source-parts.ts';
import { manifestSource } from '../controller/manifest/source-schema.ts';
import { structuralSchema } from './structural-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** The definitions of our custom resources, by the file that they are in. `npm run docs` writes them; a test asserts that they are current. */
export function customResourceFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['helm/crds/contexts.yaml', yaml(contextDefinition())],
    ['helm/crds/functions.yaml', yaml(functionDefinition())],
  ]);
}

const group = 'faas.internal';
const inlineCharsMax = 256 * 2 ** 10;
/** The most that the API server is asked to count when it estimates what the rules of a map cost. */
const streamsMax = 200;

function contextDefinition(): Json {
  const { owner, streams } = propertiesOf(manifestSource);
  const bounded = { ...asJson(streams), maxProperties: streamsMax };
  const spec = {
    type: 'object',
    description: 'A bounded context: who answers for it, and the streams that it owns. Its functions are resources of their own.',
    properties: { owner: structuralSchema(asJson(owner)), streams: withStreamRules(structuralSchema(bounded)) },
  };
  const columns = [
    { name: 'Ready', type: 'string', jsonPath: readyPath },
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner' },
    { name: 'Functions', type: 'integer', jsonPath: '.status.functions' },
    age,
  ];
  return definition({
    names: { kind: 'Context', listKind: 'ContextList', plural: 'contexts', singular: 'context' },
    description: 'A bounded context of functions.',
    spec,
    status: { functions: { type: 'integer', format: 'int32', description: 'Functions of it that are live.' } },
    name: identifierPattern,
    nameMessage: 'the name must be a-z, 0-9 and "-", at most 40, a letter first',
    columns,
  });
}

function functionDefinition(): Json {
  // `on` is no key of a resource: the YAML of kubectl reads it as the truth value.
  const { handler, on, env, ...others } = propertiesOf(functionSource);
  // A manifest takes numbers as YAML has them; here they are text, as in a pod.
  const properties = { triggers: on, ...others, env: { ...asJson(env), additionalProperties: { type: 'string', maxLength: 32_768 } } };
  const spec = {
    type: 'object',
    description: 'As a function in a manifest, with the code in the place of the handler’s path.',
    required: ['code'],
    properties: {
      code,
      ...Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, withRules(name, structuralSchema(asJson(schema)))])),
      replicas: {
        type: 'integer',
        format: 'int32',
        minimum: 0,
        maximum: 10_000,
        description: 'Exactly so many pods, whatever `scale` says: what `kubectl scale` sets. Absent: as many as are needed.',
      },
    },
  };
  const columns = [
    { name: 'Ready', type: 'string', jsonPath: readyPath },
    { name: 'Replicas', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Age-of-oldest', type: 'string', jsonPath: '.status.ageOfOldest', description: 'How old the oldest event is that waits.' },
    { name: 'Lag', type: 'integer', jsonPath: '.status.lag', description: 'Events that wait.' },
    { name: 'Triggers', type: 'string', jsonPath: '.status.triggers' },
    { name: 'Revision', type: 'string', jsonPath: '.status.revision' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
    age,
  ];
  return definition({
    names: { kind: 'Function', listKind: 'FunctionList', plural: 'functions', singular: 'function', shortNames: ['fn'] },
    description: 'A function for events, named <context>.<function>. To create or change one is to run code.',
    spec,
    status: {
      revision: text('The revision that is live.'),
      replicas: { type: 'integer', format: 'int32', description: 'Pods that are ready.' },
      selector: text('Of the pods, for the scale subresource.'),
      lag: { type: 'integer', format: 'int64', description: 'Events that wait.' },
      ageOfOldest: text('How old the oldest of them is.'),
      triggers: text('What runs it, in a few words.'),
    },
    name: `${identifierPattern.slice(0, -1)}\\.${identifierPattern.slice(1)}`,
    nameMessage: 'the name must be <context>.<function>, each a-z, 0-9 and "-", at most 40, a letter first',
    columns,
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
  });
}

const readyPath = '.status.conditions[?(@.type=="Ready")].status';
const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 1 };

const code: Json = {
  type: 'object',
  description: 'Exactly one of them.',
  properties: {
    inline: {
      type: 'string',
      minLength: 1,
      maxLength: inlineCharsMax,
      description: 'One ES module in JavaScript that exports the handler as `default` or `batch`. It imports Node’s own modules only.',
    },
    bundle: {
      type: 'string',
      pattern: '^[0-9a-f]{64}$',
      description: 'sha256 of a bundle that the server has: `faas deploy` uploads it, or PUT /v1/bundles/<sha256>.',
    },
    source: { type: 'string', maxLength: 500, description: 'The file that it was made from; shown, never read.' },
  },
  'x-kubernetes-validations': [{ rule: 'has(self.inline) != has(self.bundle)', message: 'exactly one of inline and bundle must be given' }],
};

const scheduleRule = {
  rule: '(has(self.cron) ? 1 : 0) + (has(self.every) ? 1 : 0) + (has(self.at) ? 1 : 0) == 1',
  message: 'exactly one of cron, every and at must be given',
};
const scaleRule = { rule: '!has(self.min) || !has(self.max) || self.min <= self.max', message: 'min must not be larger than max' };
const streamRule = {
  rule: '!has(self.topic) || !has(self.internal) || !self.internal',
  message: 'an internal stream has no topic of its own',
};

/** What a manifest's parser says of several keys together. */
function withRules(name: string, schema: Json): Json {
  if (name === 'scale') return withRule(withoutDefaults(schema, ['prefer', 'schedule']), scaleRule);
  if (name !== 'triggers') return schema;
  const items = asJson(schema.items);
  const { schedule, ...others } = asJson(items.properties);
  return { ...schema, items: { ...items, properties: { ...others, schedule: withRule(asJson(schedule), scheduleRule) } } };
}

function withStreamRules(schema: Json): Json {
  const stream = asJson(schema.additionalProperties);
  const { schema: ofData, ...properties } = asJson(stream.properties);
  const data = {
    'x-kubernetes-preserve-unknown-fields': true,
    description: 'JSON Schema of `data`, in place; checked at emit and on read.',
  };
  return { ...schema, additionalProperties: withRule({ ...stream, properties: { ...properties, schema: data } }, streamRule) };
}

/** What a specification knows as not given: filled in, it would be another revision of the same function. */
function withoutDefaults(schema: Json, names: readonly string[]): Json {
  const properties = Object.entries(asJson(schema.properties)).map(([name, held]) => {
    const { default: filled, ...rest } = asJson(held);
    return [name, names.includes(name) ? rest : held];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

function withRule(schema: Json, rule: Json): Json {
  const rules = Array.isArray(schema['x-kubernetes-validations']) ? schema['x-kubernetes-validations'] : [];
  return { ...schema, 'x-kubernetes-validations': [...rules, rule] };
}

interface Definition {
  readonly names: Json & { readonly plural: string };
  readonly description: string;
  readonly spec: Json;
  readonly status: Json;
  /** Pattern of metadata.name. */
  readonly name: string;
  readonly nameMessage: string;
  readonly columns: readonly Json[];
  readonly scale?: Json;
}

function definition({ names, description, spec, status, name, nameMessage, columns, scale }: Definition): Json {
  const schema = {
    type: 'object',
    description,
    required: ['spec'],
    properties: { spec, status: statusSchema(status) },
    'x-kubernetes-validations': [{ rule: `self.metadata.name.matches('${name.replaceAll('\\', '\\\\')}')`, message: nameMessage }],
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'faas' } },
    spec: {
      group,
      names: { ...names, categories: ['faas'] },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}

function statusSchema(more: Json): Json {
  return {
    type: 'object',
    description: 'What the server found; written by it alone.',
    properties: {
      observedGeneration: { type: 'integer', format: 'int64', description: 'The generation that the server has dealt with last.' },
      fencing: { type: 'integer', format: 'int64', description: 'Of the leader that wrote this: one with a lower number writes no more.' },
      conditions: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
        items: {
          type: 'object',
          required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
          properties: {
            type: { type: 'string', maxLength: 316 },
            status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
            observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
            lastTransitionTime: { type: 'string', format: 'date-time' },
            reason: { type: 'string', maxLength: 1_024, minLength: 1 },
            message: { type: 'string', maxLength: 32_768 },
          },
        },
      },
      ...more,
    },
  };
}

function text(description: string): Json {
  return { type: 'string', description };
}

function propertiesOf(schema: object): Readonly<Record<string, unknown>> {
  return asJson(asJson(JSON.parse(JSON.stringify(schema))).properties);
}

function asJson(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw new Error('the manifest’s schema has another form than this script knows');
  return value as Json;
}

function yaml(definition: Json): string {
  return `# Made from the manifest's schema by npm run docs.\n${stringify(definition, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })}`;
}
