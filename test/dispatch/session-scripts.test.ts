import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SessionScript } from './session-script.ts';

const folder = new URL('../data/dispatch/', import.meta.url);

/** `UPDATE_SCRIPTS=1` writes what the session does now; read the difference before it is committed. */
const isUpdate = process.env.UPDATE_SCRIPTS === '1';

describe.each(readdirSync(folder).filter(name => name.endsWith('.txt')))('%s', name => {
  const file = new URL(name, folder);
  const text = readFileSync(file, 'utf8');

  test('the session does exactly what the script says', () => {
    const played = play(text);
    if (isUpdate) writeFileSync(file, played);
    else expect(played).toBe(text);
  });
});

/** Blocks of comments and commands, `----`, output, and an empty line between blocks. */
function play(text: string): string {
  const script = new SessionScript();
  const blocks = text.trimEnd().split(/\n\n+/);
  return `${blocks.map(block => playBlock(script, block)).join('\n\n')}\n`;
}

function playBlock(script: SessionScript, block: string): string {
  const lines = block.split('\n');
  const end = lines.indexOf('----');
  const commands = end < 0 ? lines : lines.slice(0, end);
  const output = commands.filter(line => line !== '' && !line.startsWith('#')).flatMap(line => script.run(line));
  return commands.every(line => line.startsWith('#')) ? commands.join('\n') : [...commands, '----', ...output].join('\n');
}
