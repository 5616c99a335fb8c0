import { Type } from '@sinclair/typebox';
import { duration, size, strict, whole } from './source-parts.ts';

/** An entry of `streams`. */
export const streamSource = Type.Object(
  {
    topic: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._-]{1,200}$',
        title: 'a topic name of letters, digits, ".", "_" and "-", at most 200 long',
        description: 'Topic of a public stream. Default: `<context>.<stream>`.',
      }),
    ),
    internal: Type.Optional(
      Type.Boolean({
        title: 'true or false',
        default: false,
        description: 'Only this context may read or write it; its topic is `<context>.int.<stream>`.',
      }),
    ),
    partitions: Type.Optional(
      whole(1, 1024, { description: "Partitions when the topic is created. Default: the server's setting `streams.partitions`." }),
    ),
    schema: Type.Optional(
      Type.Union(
        [
          Type.String({ minLength: 1, maxLength: 1000, title: 'the path of a JSON Schema file' }),
          Type.Unsafe<Record<string, unknown>>({ type: 'object', title: 'a JSON Schema' }),
          Type.Boolean({ title: 'true or false' }),
        ],
        {
          title: 'the path of a JSON Schema file, or a JSON Schema',
          description: 'JSON Schema of `data`, as a file beside the manifest or in place; checked at emit and on read.',
        },
      ),
    ),
    retention: Type.Optional(
      Type.Object(
        {
          age: Type.Optional(duration({ description: 'How long records are kept.' })),
          size: Type.Optional(size({ description: 'Bytes kept per partition.' })),
        },
        {
          ...strict,
          title: 'a mapping with age and size',
          description: "Default: the server's settings `streams.retention` and `streams.retentionBytes`.",
        },
      ),
    ),
  },
  { ...strict, title: 'a mapping with topic, internal, partitions, schema and retention' },
);
