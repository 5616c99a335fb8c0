import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { FaasError } from '../../errors.ts';

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** As the attributes of a record batch number them. */
export const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** No batch that a broker takes unpacks to more; a small one that does is an attack. */
const unpackedBytesMax = 256 * 2 ** 20;

const gzip = promisify(zlib.gzip);
const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);

export async function compress(compression: Compression, bytes: Buffer): Promise<Buffer> {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzip(bytes);
    case 'snappy':
      return Buffer.from(await (await snappy()).compress({ buffer: bytes }));
    case 'lz4':
      return (await import('lz4-napi')).compressFrame(bytes);
    case 'zstd':
      return zstd().compress(bytes);
  }
}

export async function decompress(compression: Compression, bytes: Buffer): Promise<Buffer> {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gunzip(bytes, { maxOutputLength: unpackedBytesMax });
    case 'snappy':
      return Buffer.from(await (await snappy()).decompress(bytes));
    case 'lz4':
      return (await import('lz4-napi')).decompressFrame(bytes);
    case 'zstd':
      return zstd().decompress(bytes);
  }
}

async function snappy() {
  const { default: codec } = await import('kafkajs-snappy');
  return codec();
}

interface Zstd {
  compress(bytes: Buffer): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

type Work = (bytes: Buffer, options: object, done: (error: Error | null, result: Buffer) => void) => void;

/** Since Node 22.15. */
function zstd(): Zstd {
  const { zstdCompress, zstdDecompress } = zlib as { zstdCompress?: Work; zstdDecompress?: Work };
  if (zstdCompress === undefined || zstdDecompress === undefined) {
    throw new FaasError(
      'FAAS_KAFKA_CODEC',
      `records are compressed with zstd, which Node ${process.versions.node} does not have`,
      'Run the server on Node 22.15 or newer, or let producers use another codec.',
    );
  }
  const promised = (work: Work) => (bytes: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      work(bytes, { maxOutputLength: unpackedBytesMax }, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
  return { compress: promised((bytes, _, done) => zstdCompress(bytes, {}, done)), decompress: promised(zstdDecompress) };
}
