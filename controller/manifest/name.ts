import { identifierPattern } from './source-parts.ts';

/** `orders` or `sales.orders`, as a function of `context` sees it. */
export interface QualifiedName {
  readonly written: string;
  readonly context: string;
  readonly name: string;
}

export function qualify(written: string, context: string): QualifiedName | undefined {
  const parts = written.split('.');
  if (parts.length > 2 || !parts.every(isIdentifier)) return undefined;
  const [first = '', second] = parts;
  return second === undefined ? { written, context, name: first } : { written, context: first, name: second };
}

export function isIdentifier(text: string): boolean {
  return new RegExp(identifierPattern).test(text) && !objectNames.includes(text);
}

/** What every JavaScript object has already: as a key it could do harm in code that is less careful than ours. */
export const objectNames: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** As short as it can be written in `context`. */
export function printQualified(qualified: { readonly context: string; readonly name: string }, context: string): string {
  return qualified.context === context ? qualified.name : `${qualified.context}.${qualified.name}`;
}
