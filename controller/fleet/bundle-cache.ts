import type { Bundle, Registry } from '../ports/registry.ts';

const keptBytesMax = 256 * 2 ** 10;

/** Small bundles of live functions: reading one from the store would be a good part of a warm start. */
export class BundleCache {
  readonly #registry: Pick<Registry, 'bundle'>;
  readonly #bundles = new Map<string, Bundle>();

  constructor(registry: Pick<Registry, 'bundle'>) {
    this.#registry = registry;
  }

  async get(hash: string): Promise<Bundle | undefined> {
    const bundle = this.#bundles.get(hash) ?? (await this.#registry.bundle(hash));
    if (bundle !== undefined && bundle.code.length + (bundle.sourceMap?.length ?? 0) <= keptBytesMax) this.#bundles.set(hash, bundle);
    return bundle;
  }

  /** The others are forgotten. */
  keep(hashes: ReadonlySet<string>): void {
    for (const hash of this.#bundles.keys()) if (!hashes.has(hash)) this.#bundles.delete(hash);
  }
}
