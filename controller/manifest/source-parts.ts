import { type TSchema, Type } from '@sinclair/typebox';
import { durationPattern, sizePattern } from './units.ts';

export const identifierPattern = '^[a-z][a-z0-9-]{0,39}$';
export const referencePattern = '^[a-z][a-z0-9-]{0,39}(\\.[a-z][a-z0-9-]{0,39})?$';
export const headerNamePattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$";

/** `title` is what a reader of an error is told was expected; `default` is what holds when the key is absent. */
interface Notes {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly title?: string;
}

export const strict = { additionalProperties: false } as const;
export const identifierTitle = 'a name such as customer-totals (a-z, 0-9 and "-", at most 40, a letter first)';
export const identifier = (notes: Notes) =>
  Type.String({
    pattern: identifierPattern,
    title: identifierTitle,
    ...notes,
  });
export const duration = (notes: Notes) =>
  Type.String({ pattern: durationPattern, title: 'a duration such as 200ms, 30s, 10m, 6h or 7d', ...notes });
export const size = (notes: Notes) => Type.String({ pattern: sizePattern, title: 'a size such as 64Ki, 256Mi or 1Gi', ...notes });
export const text = (lengthMax: number, notes: Notes) => Type.String({ minLength: 1, maxLength: lengthMax, title: 'text', ...notes });
export const oneOf = (values: readonly string[], notes: Notes) =>
  Type.Unsafe<string>({ type: 'string', enum: values, title: `one of ${values.join(', ')}`, ...notes });
export const whole = (minimum: number, maximum: number, notes: Notes) =>
  Type.Integer({ minimum, maximum, title: `a whole number from ${minimum} to ${maximum}`, ...notes });
export const reference = (title: string) => Type.String({ pattern: referencePattern, title });
export const named = (value: TSchema, entriesMax: number, notes: Notes) =>
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    propertyNames: { pattern: identifierPattern, title: identifierTitle },
    additionalProperties: value,
    maxProperties: entriesMax,
    title: 'a mapping from names',
    ...notes,
  });
