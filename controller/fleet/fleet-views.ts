import type { LiveFunction } from '../functions/live-function.ts';
import type { PodView } from '../wire/pod-directory.ts';
import { comingViewOf, type Member, viewOf } from './member.ts';

/** The members of a fleet as those see them who send batches to them. */
export class FleetViews {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #there = new Map<string, readonly PodView[]>();
  readonly #coming = new Map<string, readonly PodView[]>();
  /** By unit: the revision that was loaded last, and what it turned out to be. */
  readonly #handlers = new Map<string, { readonly revision: string; readonly handler: Member['handler'] }>();
  readonly #listeners = new Set<(unit: string) => void>();

  constructor(members: ReadonlyMap<string, Member>) {
    this.#members = members;
  }

  of(unit: string): readonly PodView[] {
    return this.#there.get(unit) ?? [];
  }

  comingOf(unit: string): readonly PodView[] {
    return this.#coming.get(unit) ?? [];
  }

  all(): readonly PodView[] {
    return [...this.#there.values()].flat();
  }

  onChange(listener: (unit: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** After each change of a member's phase or function. */
  changed(unit: string): void {
    for (const [views, viewOfOne] of [[this.#there, viewOf] as const, [this.#coming, comingViewOf] as const]) {
      const found = [...this.#members.values()].flatMap(member => viewOfOne(member, unit) ?? []);
      if (found.length === 0) views.delete(unit);
      else views.set(unit, found);
    }
    for (const listener of this.#listeners) listener(unit);
  }

  loaded(member: Member, live: LiveFunction, handler: Member['handler']): void {
    Object.assign(member, { handler, isComing: false });
    this.#handlers.set(live.unit, { revision: live.revision, handler });
  }

  /** It loads now: its first batch may be sent ahead where it is known what kind of handler takes it. */
  loads(member: Member, live: LiveFunction): void {
    const known = this.#handlers.get(live.unit);
    if (known?.revision !== live.revision) return;
    Object.assign(member, { handler: known.handler, isComing: true });
    this.changed(live.unit);
  }

  keepOnly(units: ReadonlySet<string>): void {
    for (const unit of this.#handlers.keys()) if (!units.has(unit)) this.#handlers.delete(unit);
  }
}
