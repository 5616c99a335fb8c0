import {
  asObject,
  choiceField,
  integerField,
  numberField,
  objectField,
  optionalLength,
  textField,
  textListField,
  wrong,
} from './fields.ts';
import { type Frame, FrameReader, FrameWriter } from './frame.ts';
import { quote, stringifyJson } from './intrinsics.ts';
import { type LoadRequest, type LoadResult, wireLimits } from './messages.ts';
import { errorJson, readError } from './reply.ts';

/** A bundle and its source map, which may be twice as large. */
export const loadBytesMax = wireLimits.bundleBytesMax * 3 + wireLimits.frameBytesMax;

/** One `load` frame. `timeoutMs` bounds import and `init` together. */
export function encodeLoad(request: LoadRequest, loadTimeoutMs: number): Uint8Array<ArrayBuffer> {
  const { code, sourceMap, ...fields } = request;
  const header = { kind: 'load', ...fields, loadTimeoutMs, code: code.length, sourceMap: sourceMap?.length };
  const writer = new FrameWriter(code.length + (sourceMap?.length ?? 0) + 4096, loadBytesMax);
  writer.write(stringifyJson(header) ?? '', sourceMap === undefined ? [code] : [code, sourceMap]);
  return writer.take();
}

export function decodeLoad({ header, raw }: Frame): { readonly request: LoadRequest; readonly loadTimeoutMs: number } {
  choiceField(header, 'kind', ['load']);
  const code = raw.take(integerField(header, 'code'));
  const mapLength = optionalLength(header, 'sourceMap');
  return {
    loadTimeoutMs: numberField(header, 'loadTimeoutMs'),
    request: {
      unit: textField(header, 'unit'),
      context: textField(header, 'context'),
      functionName: textField(header, 'functionName'),
      revision: textField(header, 'revision'),
      bundleHash: textField(header, 'bundleHash'),
      code,
      sourceMap: mapLength === undefined ? undefined : raw.take(mapLength),
      timeoutMs: numberField(header, 'timeoutMs'),
      lifespanMs: numberField(header, 'lifespanMs'),
      memoryBytes: integerField(header, 'memoryBytes'),
      concurrency: integerField(header, 'concurrency'),
      emits: textListField(header, 'emits'),
      calls: textListField(header, 'calls'),
      env: readEnv(objectField(header, 'env')),
      dataFilters: readDataFilters(objectField(header, 'dataFilters')),
    },
  };
}

export function encodeLoadResult(result: LoadResult): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter(512);
  writer.write(
    result.kind === 'ready'
      ? `{"kind":"ready","handler":${quote(result.handler)},"loadMs":${result.phases.loadMs},"initMs":${result.phases.initMs}}`
      : `{"kind":"failed","error":${errorJson(result.error)}}`,
    [],
  );
  return writer.take();
}

export function decodeLoadResult(bytes: Uint8Array): LoadResult {
  let result: LoadResult | undefined;
  new FrameReader().push(bytes, ({ header }) => {
    const kind = choiceField(header, 'kind', ['ready', 'failed']);
    result =
      kind === 'ready'
        ? {
            kind,
            handler: choiceField(header, 'handler', ['event', 'batch']),
            phases: { loadMs: numberField(header, 'loadMs'), initMs: numberField(header, 'initMs') },
          }
        : { kind, error: readError(objectField(header, 'error')) };
  });
  return result ?? wrong('kind', 'there');
}

function readEnv(header: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(header).map(name => [name, textField(header, name)]));
}

type DataFilters = LoadRequest['dataFilters'];

function readDataFilters(header: Readonly<Record<string, unknown>>): DataFilters {
  return Object.fromEntries(
    Object.entries(header).map(([stream, conditions]) => [
      stream,
      Object.fromEntries(Object.entries(asObject(conditions, 'dataFilters')).map(([pointer, value]) => [pointer, readScalar(value)])),
    ]),
  );
}

function readScalar(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return wrong('dataFilters', 'made of plain values');
}
