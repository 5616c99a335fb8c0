import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from './command.ts';
import { UsageError } from './usage-error.ts';

export interface QualifiedName {
  readonly context: string;
  readonly name: string;
  /** `<context>.<name>` */
  readonly full: string;
}

/** `shop.orders`, or `orders` with the context of --context or of the manifest in the current folder. Throws UsageError. */
export async function qualifiedName(word: string, invocation: Pick<Invocation, 'args' | 'cwd'>): Promise<QualifiedName> {
  const parts = word.split('.');
  if (parts.length > 2 || parts.some(part => !/^[a-z][a-z0-9-]{0,39}$/.test(part))) {
    throw new UsageError(`"${word}" is not a name`, 'Write <context>.<name>: small letters, digits and dashes.');
  }
  const [first = '', second] = parts;
  if (second !== undefined) return { context: first, name: second, full: word };
  const context = invocation.args.text('context') ?? (await contextHere(invocation.cwd));
  if (context === undefined) {
    throw new UsageError(
      `which context is "${word}" in?`,
      `Write <context>.${word}, add --context <name>, or go to the folder of its faas.yaml.`,
    );
  }
  return { context, name: first, full: `${context}.${first}` };
}

/** The context of ./faas.yaml, however broken the rest of it may be at the moment. */
async function contextHere(cwd: string): Promise<string | undefined> {
  const file = join(cwd, 'faas.yaml');
  if (!existsSync(file)) return undefined;
  const { parseDocument } = await import('yaml');
  const context: unknown = parseDocument(readFileSync(file, 'utf8')).get('context');
  return typeof context === 'string' ? context : undefined;
}
