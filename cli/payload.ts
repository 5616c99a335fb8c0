import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Invocation } from './command.ts';
import { CommandFailure } from './failure.ts';
import { UsageError } from './usage-error.ts';

/** JSON from the word itself, `@<file>`, or `-`: standard input. Without a word: standard input when it is piped, else null. */
export async function readPayload(word: string | undefined, { stdin, cwd }: Pick<Invocation, 'stdin' | 'cwd'>): Promise<unknown> {
  if (word === undefined && stdin.isTTY === true) return null;
  if (word === undefined || word === '-') {
    const text = await readAll(stdin);
    return text.trim() === '' && word === undefined ? null : parse(text, 'standard input');
  }
  if (!word.startsWith('@')) return parse(word, 'the argument');
  const file = word.slice(1);
  return parse(await readText(resolve(cwd, file), file), file);
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CommandFailure('FAAS_PAYLOAD', `cannot read ${shown}`, { hint: 'Check the path after the @.', cause });
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${where} is not JSON: ${reason}`, `A string needs its quotes: '"text"'. A file needs an @: @order.json`);
  }
}
