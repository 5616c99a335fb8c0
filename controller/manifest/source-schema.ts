import { Type } from '@sinclair/typebox';
import { functionSource } from './function-source.ts';
import { identifier, named, strict, text } from './source-parts.ts';
import { streamSource } from './stream-source.ts';

/** Bounds of lists and mappings: far above any sane context, low enough that a bad file stays cheap. */
const streamsMax = 1000;
const functionsMax = 500;

export const manifestVersion = 1;

/**
 * The form of `faas.yaml` as it is written: the one table behind the published JSON Schema, the checks of the parser, and the reference page.
 * `title` is what a reader of an error is told was expected; `default` is what holds when the key is absent.
 */
export const manifestSource = Type.Object(
  {
    version: Type.Unsafe<number>({ const: manifestVersion, title: `version ${manifestVersion}`, description: 'Version of this format.' }),
    context: identifier({ description: 'Name of the bounded context; the first part of the name of everything in it.' }),
    owner: Type.Optional(text(200, { description: 'Who to ask; shown to other contexts.' })),
    streams: Type.Optional(named(streamSource, streamsMax, { default: {}, description: 'Streams that this context owns.' })),
    functions: Type.Optional(named(functionSource, functionsMax, { default: {}, description: 'Functions of this context.' })),
  },
  { ...strict, title: 'a mapping with version, context, streams and functions' },
);

/** The line that makes editors complete and check a manifest; the first line of what `faas init` writes. */
export const yamlLanguageServerLine = '# yaml-language-server: $schema=./node_modules/faas/docs/reference/manifest.schema.json';
