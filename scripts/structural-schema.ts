type Json = Readonly<Record<string, unknown>>;

/**
 * A schema of the manifest as a structural schema of a custom resource, which knows less: no union of types, no names of keys, no types in lists. What it cannot
 * say is said by a CEL rule where there is one, or else by the server, which reads a resource as it reads a manifest.
 */
export function structuralSchema(schema: Json): Json {
  const { title, description = title } = schema;
  const notes = {
    ...(typeof description === 'string' && { description }),
    ...(schema.default !== undefined && { default: schema.default }),
  };
  if (Array.isArray(schema.anyOf)) return { ...notes, ...unionOf(schema.anyOf.filter(isSchema)) };
  if (Array.isArray(schema.type)) {
    return { ...notes, 'x-kubernetes-preserve-unknown-fields': true, ...(schema.type.includes('null') && { nullable: true }) };
  }
  if (schema.const !== undefined) return { ...notes, type: typeOf(schema.const), enum: [schema.const] };
  const kept = Object.entries(schema).filter(([keyword]) => plainKeywords.has(keyword));
  return { ...Object.fromEntries(kept), ...notes, ...insideOf(schema) };
}

const plainKeywords: ReadonlySet<string> = new Set([
  ...['type', 'enum', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems'],
  ...['minProperties', 'maxProperties', 'required'],
]);

/** Text or a number is a form that the API server knows; of other unions it keeps what is written. */
function unionOf(members: readonly Json[]): Json {
  const isScalar = members.every(({ type }) => type === 'string' || type === 'number' || type === 'integer');
  return isScalar ? { 'x-kubernetes-int-or-string': true } : { 'x-kubernetes-preserve-unknown-fields': true };
}

function insideOf(schema: Json): Json {
  const { properties, items, additionalProperties, propertyNames } = schema;
  return {
    ...(isSchema(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, held]) => [name, isSchema(held) ? structuralSchema(held) : held]),
      ),
    }),
    ...(isSchema(items) && { items: structuralSchema(items) }),
    ...(isSchema(additionalProperties) && { additionalProperties: structuralSchema(additionalProperties) }),
    ...(schema.type === 'object' &&
      properties === undefined &&
      additionalProperties === undefined && { 'x-kubernetes-preserve-unknown-fields': true }),
    // Of values that may be anything the API server makes no map that a rule could look into.
    ...(isSchema(propertyNames) && !isOpen(additionalProperties) && { 'x-kubernetes-validations': [namesRule(propertyNames)] }),
  };
}

function namesRule({ pattern, title }: Json): Json {
  const text = String(pattern).replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return { rule: `self.all(name, name.matches('${text}'))`, message: `each key must be ${String(title)}` };
}

function isOpen(schema: unknown): boolean {
  return !isSchema(schema) || structuralSchema(schema).type === undefined;
}

function typeOf(value: unknown): string {
  return typeof value === 'number' ? 'integer' : typeof value;
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
