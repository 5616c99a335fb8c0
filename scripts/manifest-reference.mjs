import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Writes docs/reference/manifest.schema.json and manifest.md from the table that the parser checks with; a test compares. */
const root = fileURLToPath(new URL('..', import.meta.url));

async function load(file) {
  const built = await build({
    entryPoints: [`${root}${file}`],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'warning',
  });
  return import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`);
}

const { publishedSchema, publishedSchemaFile } = await load('controller/manifest/published-schema.ts');
const { referencePage, referencePageFile } = await load('controller/manifest/reference-page.ts');
writeFileSync(`${root}${publishedSchemaFile}`, `${JSON.stringify(publishedSchema(), null, 2)}\n`);
writeFileSync(`${root}${referencePageFile}`, referencePage());
